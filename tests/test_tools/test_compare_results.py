import copy
import json
import re

import numpy as np
import pytest

from tests.tool_module import load_tool

tool = load_tool('analysis_tools/compare_results.py')


def result(scores, **per_set):
    """A result of ten-frame videos."""
    return {
        'protocol': {'format': 'vipseg', 'gt': 'gt.json', 'pred': 'x.json', 'metrics': {'vpq': {'windows': [1, 2]}}},
        'metrics': {'vpq/VPQ': float(np.mean(scores)), **per_set},
        'per_video': {f'v{i}': {'num_frames': 10, 'vpq/VPQ': x} for i, x in enumerate(scores)},
    }


@pytest.fixture
def run(tmp_path, capsys):
    def call(a, b, *more):
        for name, content in (('a', a), ('b', b)):
            (tmp_path / f'{name}.json').write_text(json.dumps(content))
        status = tool.main([str(tmp_path / 'a.json'), str(tmp_path / 'b.json'), *more])
        return status, capsys.readouterr()

    return call


def test_paired_differences():
    a, b = result([0.5, 0.6, 0.7, 0.4]), result([0.6, 0.6, 0.9, 0.3])
    found = tool.compare(a, b, 'vpq/VPQ')
    assert (found['wins'], found['losses'], found['ties'], found['videos']) == (2, 1, 1, 4)
    assert found['mean'] == pytest.approx(0.05) and found['set_difference'] == pytest.approx(0.05)
    assert -0.1 <= found['low'] < 0 < found['high'] <= 0.2


def test_the_interval_is_that_of_the_mean():
    """Against the normal approximation, which holds for many videos."""
    rng = np.random.default_rng(1)
    scores = rng.uniform(0.2, 0.8, 400)
    difference = rng.normal(0.01, 0.05, 400)
    found = tool.compare(result(scores), result(scores + difference), 'vpq/VPQ', samples=4000)
    half = 1.96 * difference.std() / np.sqrt(400)
    assert found['low'] == pytest.approx(difference.mean() - half, abs=0.1 * half)
    assert found['high'] == pytest.approx(difference.mean() + half, abs=0.1 * half)


def test_seeds():
    a, b = result([0.5, 0.6, 0.7, 0.4]), result([0.6, 0.6, 0.9, 0.3])
    first = tool.compare(a, b, 'vpq/VPQ', 50, seed=3)
    assert tool.compare(a, b, 'vpq/VPQ', 50, seed=3) == first
    assert tool.compare(a, b, 'vpq/VPQ', 50, seed=4) != first


def test_videos_without_the_number_are_left_out():
    a, b = result([0.5, 0.6, 0.7]), result([0.6, 0.7, 0.8])
    a['per_video']['v1']['vpq/VPQ'] = None
    b['metrics']['vpq/VPQ'] = None
    found = tool.compare(a, b, 'vpq/VPQ')
    assert found['videos'] == 2 and found['set_difference'] is None
    assert found['low'] == pytest.approx(0.1) and found['high'] == pytest.approx(0.1)


def test_report(run):
    status, output = run(result([0.5, 0.6, 0.7]), result([0.7, 0.8, 0.9]))
    assert status == 0
    line = next(x for x in output.out.splitlines() if x.startswith('vpq/VPQ'))
    assert line.split() == [
        *('vpq/VPQ', '0.6000', '0.8000', '+0.2000', '+0.2000', '[+0.2000,', '+0.2000]', '3/0/0', '*')
    ]
    assert 'are not the mean of videos' in output.out


def test_same_result(run):
    status, output = run(result([0.5, 0.6]), result([0.5, 0.6]), '--metric', 'vpq/VPQ', '--samples', '10')
    assert status == 0 and '0/0/2' in output.out and '*' not in output.out.splitlines()[2]


def test_predictions_may_have_any_name(run):
    b = result([0.5, 0.6])
    b['protocol']['pred'] = 'mine.json'
    assert run(result([0.5, 0.6]), b)[0] == 0


def test_result_of_test_py_beside_one_of_files(run):
    b = result([0.5, 0.7])
    b['protocol'].update(format='tools/test.py', gt='val', options={'of': 'files'})
    b['protocol']['metrics']['ap'] = {}
    assert run(result([0.5, 0.6]), b)[0] == 0
    b['protocol']['metrics']['vpq']['windows'] = [1]
    status, output = run(result([0.5, 0.6]), b)
    assert status == 1 and 'protocol.metrics.vpq.windows' in output.err


REFUSED = {
    'windows': (
        lambda x: x['protocol']['metrics']['vpq'].update(windows=[1]),
        r'protocol.metrics.vpq.windows \(\[1, 2\]',
    ),
    'format': (lambda x: x['protocol'].update(format='kitti_step'), r"protocol.format \('vipseg' and 'kitti_step'\)"),
    'ground truth': (lambda x: x['protocol'].update(gt='val.json'), 'protocol.gt'),
    'another metric': (
        lambda x: x['protocol']['metrics'].update(pq={}),
        r'protocol.metrics.pq \(only one has it\)',
    ),
    'videos': (lambda x: x['per_video'].pop('v1'), "the videos differ: 'v1' is in only one of the results"),
    'frames': (lambda x: x['per_video']['v0'].update(num_frames=9), "video 'v0': the numbers of frames differ"),
    'no result': (lambda x: x.pop('protocol'), 'b.json: is no result of eval_results.py or test.py'),
    'no numbers': (
        lambda x: [row.update({'vpq/VPQ': None}) for row in x['per_video'].values()],
        'no number is there for any video',
    ),
}


@pytest.mark.parametrize('case', REFUSED)
def test_what_cannot_be_compared_is_refused(run, case):
    edit, message = REFUSED[case]
    b = copy.deepcopy(result([0.5, 0.6]))
    edit(b)
    status, output = run(result([0.5, 0.6]), b)
    assert status == 1 and output.out == ''
    assert re.search(message, output.err), output.err


def test_wrong_arguments(run, tmp_path, capsys):
    a = result([0.5, 0.6])
    status, output = run(a, a, '--metric', 'stq/STQ')
    assert status == 1 and "there is no 'stq/STQ'; both results have vpq/VPQ" in output.err
    assert tool.main([str(tmp_path / 'gone.json'), str(tmp_path / 'b.json')]) == 1
    assert 'gone.json: json file missing' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(a, a, '--samples', '0')
    with pytest.raises(SystemExit):
        run(a, a, '--seed', '-1')


@pytest.mark.parametrize(
    ('place', 'value', 'message'),
    [
        ('protocol', None, 'protocol, metrics and per_video must be objects'),
        ('protocol', {'metrics': None}, 'its protocol has no metrics'),
        ('per_video', [], 'protocol, metrics and per_video must be objects'),
        ('per_video', {'v0': None}, "'v0' holds something that is neither a number nor null"),
        ('per_video', {'v0': {'vpq/VPQ': 'x'}}, "'v0' holds something that is neither a number nor null"),
        ('metrics', {'vpq/VPQ': float('nan')}, "'metrics' holds something that is neither a number nor null"),
    ],
)
def test_malformed_results_are_named(run, place, value, message):
    status, output = run(result([0.5, 0.6]), result([0.5, 0.6]) | {place: value})
    assert status == 1 and re.search(f'b.json: {message}', output.err), output.err
