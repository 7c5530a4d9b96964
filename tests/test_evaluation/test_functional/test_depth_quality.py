import numpy as np
import pytest

from tests.test_evaluation.clips import feed, recorded
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
    depth = quality.compute()
    joint = dstq(stq.compute(), depth)
    names = ['DQ', *(f'DQ@{t}' for t in thresholds)]
    for name in names:
        assert depth[name] == pytest.approx(expected[name], rel=0, abs=tolerance)
        assert joint[f'DST{name[1:]}'] == pytest.approx(expected[f'DST{name[1:]}'], rel=0, abs=tolerance)
    for t in thresholds:
        for result, key in ((depth, 'DQ'), (joint, 'DSTQ')):
            per_video = [result['per_video'][x][f'{key}@{t}'] for x in params['sequences']]
            assert per_video == pytest.approx(expected[f'{key}_per_seq@{t}'], rel=0, abs=tolerance)


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
