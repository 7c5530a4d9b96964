import json

import numpy as np

from videoseg.evaluation.formats.result_json import plain, result_content


def test_content():
    result = {
        'PQ': np.float64(0.5),
        'extra': 1.0,
        'per_video': {'b': {'PQ': float('nan'), 'num_frames': 2}},
        'per_class': {'PQ': np.array([0.25, np.nan])},
        'protocol': {'metric': 'PQ', 'things': range(1), 'limit': float('inf')},
    }
    content = result_content({'pq': result}, {'pq': ('PQ',)}, ('car', 'sky'), {'a': 3, 'b': 2}, {'gt': 'x'})
    assert json.loads(json.dumps(content, allow_nan=False)) == {
        'protocol': {'gt': 'x', 'metrics': {'pq': {'metric': 'PQ', 'things': [0], 'limit': 'inf'}}},
        'metrics': {'pq/PQ': 0.5},
        'num_videos': 2,
        'num_frames': 5,
        'per_video': {'a': {'num_frames': 3}, 'b': {'num_frames': 2, 'pq/PQ': None}},
        'per_class': {'car': {'pq/PQ': 0.25}, 'sky': {'pq/PQ': None}},
    }


def test_plain_values():
    assert plain({1: (np.int64(2), [np.nan, -np.inf], True, None, 'x')}) == {'1': [2, [None, '-inf'], True, None, 'x']}
