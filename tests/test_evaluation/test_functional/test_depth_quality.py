import numpy as np
import pytest

from tests.test_evaluation.clips import feed, recorded
from tests.test_evaluation.recorded_numbers import assert_all_equal, stq_tree
from videoseg.evaluation.functional import STQ, DepthQuality, dstq


@pytest.mark.parametrize(
    ('entry', 'thresholds', 'stq_options'),
    [
        ('dstq_1.25_1.1', (1.25, 1.1), {'things': (11, 13)}),
        ('video_knet_dstq_1.25', (1.25,), {'things': range(11, 19), 'void_pixels': 'drop'}),
    ],
)
def test_parity(entry, thresholds, stq_options):
    arrays, expected, params, tolerance = recorded('step_stq')
    expected = expected[entry]
    quality, stq = DepthQuality(thresholds), STQ(params['num_classes'], **stq_options)
    for name in params['sequences']:
        feed(stq, name, arrays[f'gt_{name}'], arrays[f'pred_{name}'])
        for t, (gt, pred) in enumerate(zip(arrays[f'depth_gt_{name}'], arrays[f'depth_pred_{name}'], strict=True)):
            assert quality.update(name, t, gt, pred)
    depth, association = quality.compute(), stq.compute()
    joint = dstq(association, depth)
    tree = stq_tree(association)
    for key in ('ID_per_seq', 'Length_per_seq'):
        del tree[key]
    assert depth['num_frames'] == joint['num_frames'] == sum(x['num_frames'] for x in joint['per_video'].values()) == 79
    for result, key in ((depth, 'DQ'), (joint, 'DSTQ')):
        tree[key] = result[key]
        for t in thresholds:
            tree[f'{key}@{t}'] = result[f'{key}@{t}']
            tree[f'{key}_per_seq@{t}'] = [x[f'{key}@{t}'] for x in result['per_video'].values()]
    assert_all_equal(tree, expected, tolerance)


def test_hand_computed_with_unsigned_depth():
    gt = np.array([[100, 100, 100, 0, 100]], np.uint16)
    pred = np.array([[125, 80, 126, 5, 0]], np.uint16)
    result = DepthQuality((1.25,))
    result.update('a', 0, gt, pred)
    assert not result.update('a', 0, gt, gt)
    assert result.compute()['DQ@1.25'] == 0.5  # of 4 known pixels, 125 and 80 are just inside


def test_no_ground_truth_is_zero_and_shards_merge():
    zero, one = np.zeros((2, 2)), np.ones((2, 2))
    a, b = DepthQuality(), DepthQuality()
    a.update('a', 0, zero, one)
    assert a.compute()['DQ'] == 0
    b.update('a', 1, one, one)
    b.update('b', 0, one, 2 * one)
    a.merge(b)
    result = a.compute()
    assert result['DQ@1.25'] == 0.5 and result['per_video']['a']['DQ'] == 1
    with pytest.raises(ValueError, match='overlapping'):
        b.update('a', 2, one, one)
        c = DepthQuality()
        c.update('a', 0, one, one)
        c.update('a', 1, one, one)
        c.merge(b)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match='above 1'):
        DepthQuality((0.9,))
    with pytest.raises(ValueError, match="video 'a', frame 3"):
        DepthQuality().update('a', 3, np.ones((2, 2)), np.ones((2, 3)))
    with pytest.raises(ValueError, match='different videos'):
        dstq({'per_video': {'a': {}}}, {'per_video': {}})


def test_names_and_not_a_number():
    statistics = DepthQuality((1.25, 1.1))
    assert (statistics.prefix, statistics.names) == ('dq', ('DQ', 'DQ@1.25', 'DQ@1.1'))
    statistics.update('a', 0, np.ones((1, 4)), np.array([[1, np.nan, np.inf, -1]]))
    result = statistics.compute()
    assert [result[x] for x in statistics.names] == [0.25] * 3 and result['per_class'] == {}
    assert set(result['per_video']['a']) == {*statistics.names, 'num_frames'}
