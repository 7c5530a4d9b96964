import time
from collections import Counter

import numpy as np
import pytest

from tests.test_evaluation.clips import NUM_CLASSES, THINGS
from videoseg.evaluation.functional import STQ, VPQ, JointHistogram, joint_histogram
from videoseg.structures.ids import DIVISOR


def as_dict(histogram):
    pairs = zip(histogram.gt_ids.tolist(), histogram.pred_ids.tolist(), histogram.counts.tolist(), strict=True)
    return {(g, p): n for g, p, n in pairs}


@pytest.mark.parametrize('dtype', [np.uint8, np.int32, np.uint32, np.int64])
def test_counts_every_pair(dtype):
    gt = np.random.randint(0, 9, (40, 50)).astype(dtype)
    pred = np.random.randint(0, 200, (40, 50)).astype(dtype)
    histogram = joint_histogram(gt, pred)
    assert as_dict(histogram) == Counter(zip(gt.ravel().tolist(), pred.ravel().tolist(), strict=True))
    assert histogram.counts.dtype == np.int64 and not histogram.is_weighted


def test_noise_with_large_ids_takes_the_sparse_way():
    gt = np.random.randint(0, 1 << 24, (60, 60))
    pred = np.random.randint(0, 1 << 40, (60, 60))
    assert len(np.unique(gt)) * len(np.unique(pred)) > 1 << 22
    assert as_dict(joint_histogram(gt, pred)) == Counter(zip(gt.ravel().tolist(), pred.ravel().tolist(), strict=True))


def test_weights_multiply_pixels():
    gt, pred = np.array([[1, 1, 2, 2]]), np.array([[5, 5, 5, 6]])
    histogram = joint_histogram(gt, pred, np.array([[0.5, 0.25, 2.0, 0.0]]))
    assert as_dict(histogram) == {(1, 5): 0.75, (2, 5): 2.0}
    assert histogram.is_weighted


def test_sum_and_areas():
    a = joint_histogram(np.array([1, 1, 2]), np.array([7, 8, 8]))
    b = joint_histogram(np.array([2, 1, 3]), np.array([8, 8, 7]))
    total = JointHistogram.sum([a, b])
    assert as_dict(total) == {(1, 7): 1, (1, 8): 2, (2, 8): 2, (3, 7): 1}
    assert [x.tolist() for x in total.gt_areas()] == [[1, 2, 3], [3, 2, 1]]
    assert [x.tolist() for x in total.pred_areas()] == [[7, 8], [2, 4]]
    assert len(JointHistogram.sum([])) == 0 and len(joint_histogram(np.zeros((0, 4), int), np.zeros((0, 4), int))) == 0


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match=r'\(2, 3\).*\(3, 2\)'):
        joint_histogram(np.zeros((2, 3), int), np.zeros((3, 2), int))
    with pytest.raises(ValueError, match='weights'):
        joint_histogram(np.zeros((2, 3), int), np.zeros((2, 3), int), np.ones(6))
    with pytest.raises(TypeError, match='prediction ids have type float64'):
        joint_histogram(np.zeros((2, 3), int), np.zeros((2, 3)))


def test_cost_of_a_frame():
    """STQ and VPQ of a 384 x 1248 frame: about 10 ms on the machine this was written on; 10 times that fails."""
    y, x = np.mgrid[:384, :1248]
    instances = 1 + (x // 60) + 20 * (y // 40)
    stq, vpq = STQ(NUM_CLASSES, THINGS), VPQ(NUM_CLASSES, THINGS)
    times = []
    for t in range(12):
        wave = (40 * np.sin(x / 90 + t / 5) + y) // 48 % NUM_CLASSES
        gt = (wave.astype(np.int64) * DIVISOR + np.where(wave < 2, instances, 0)).astype(np.int32)
        pred = np.roll(gt, 5, axis=1)
        start = time.process_time()
        histogram = joint_histogram(gt, pred)
        stq.update('video', t, histogram)
        vpq.update('video', t, histogram)
        times.append(time.process_time() - start)
    assert np.median(times) < 0.1
    assert 0.3 < stq.compute()['STQ'] < 1 and 0.3 < vpq.compute()['VPQ'] < 1
