import math

import numpy as np
import pytest

from videoseg.evaluation.functional import DepthErrors


def test_hand_computed_means_of_images():
    statistics = DepthErrors()
    statistics.update('a', 0, np.array([[100, 100, 0]], np.uint16), np.array([[80, 110, 7]], np.uint16))
    statistics.update('a', 1, np.array([[2.0, 0.0, 0.0]]), np.array([[4.0, 1.0, 1.0]]))
    statistics.update('b', 0, np.zeros((2, 2)), np.ones((2, 2)))  # no depth is known
    result = statistics.compute()
    logs = np.log([0.8, 1.1])
    expected = [0.15, (logs.max() - logs.min()) / 2, (0.04 + 0.01) / 2, 0.5]  # 80 is exactly at the factor: outside
    assert result['per_video']['a']['abs_rel'] == pytest.approx((expected[0] + 1) / 2)
    assert [result[x] for x in statistics.names] == pytest.approx(
        [(a + b) / 2 for a, b in zip(expected, [1, 0, 1, 0], strict=True)]
    )
    assert (result['num_frames'], result['num_images'], result['per_video']['b']['num_images']) == (3, 2, 0)
    assert math.isnan(result['per_video']['b']['abs_rel']) and result['per_class'] == {}


def test_perfect_prediction_and_unit():
    rng = np.random.default_rng(0)
    gt, pred = rng.uniform(1, 80, (2, 20, 30))
    meters, scaled, perfect = DepthErrors(), DepthErrors(), DepthErrors()
    meters.update('a', 0, gt, pred)
    scaled.update('a', 0, 256 * gt, 256 * pred)
    perfect.update('a', 0, gt, gt)
    assert [meters.compute()[x] for x in DepthErrors.names] == pytest.approx(
        [scaled.compute()[x] for x in DepthErrors.names], rel=1e-12
    )
    assert [perfect.compute()[x] for x in DepthErrors.names] == [0, 0, 0, 1]


def test_scale_does_not_matter_to_silog_and_zero_is_clipped():
    gt = np.array([[1.0, 2.0, 4.0]])
    statistics = DepthErrors(min_ratio=0.5)
    statistics.update('a', 0, gt, 3 * gt)
    assert statistics.compute()['SILog'] == pytest.approx(0, abs=1e-12)
    statistics = DepthErrors(min_ratio=0.5)
    statistics.update('a', 0, gt, np.array([[1.0, 0.0, -4.0]]))
    result = statistics.compute()
    assert result['SILog'] == pytest.approx(np.log([1, 0.5, 0.5]).std())
    assert result['abs_rel'] == pytest.approx((0 + 1 + 2) / 3)
    assert result['protocol'] == {'metric': 'depth', 'inlier_factor': 1.25, 'min_ratio': 0.5}


def test_shards_merge_and_repeated_frames_count_once():
    rng = np.random.default_rng(1)
    gt, pred = rng.uniform(1, 9, (2, 4, 5, 6))
    whole, parts = DepthErrors(), [DepthErrors(), DepthErrors()]
    for t in range(4):
        assert whole.update('a', t, gt[t], pred[t]) and not whole.update('a', t, gt[t], gt[t])
        parts[t % 2].update('a', t, gt[t], pred[t])
    parts[1].merge(parts[0])
    expected, result = whole.compute(), parts[1].compute()
    assert [result[x] for x in DepthErrors.names] == pytest.approx([expected[x] for x in DepthErrors.names], rel=1e-12)
    assert result['num_frames'] == 4
    overlapping = DepthErrors()
    overlapping.update('a', 3, gt[3], pred[3])
    overlapping.update('a', 9, gt[3], pred[3])
    with pytest.raises(ValueError, match="video 'a'.*overlapping frames"):
        overlapping.merge(whole)


def test_wrong_input_is_refused_and_leaves_nothing_behind():
    statistics = DepthErrors()
    with pytest.raises(ValueError, match=r"video 'a', frame 3: depth of ground truth \(2, 2\) and prediction \(2, 3\)"):
        statistics.update('a', 3, np.ones((2, 2)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="video 'a', frame 3: predicted or true depth is not finite"):
        statistics.update('a', 3, np.ones((1, 2)), np.array([[1, np.nan]]))
    assert statistics.videos == {} and math.isnan(statistics.compute()['abs_rel'])
    with pytest.raises(ValueError, match='inlier_factor'):
        DepthErrors(inlier_factor=1)
    with pytest.raises(ValueError, match='min_ratio'):
        DepthErrors(min_ratio=0)
