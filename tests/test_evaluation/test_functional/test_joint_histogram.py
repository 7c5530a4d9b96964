from collections import Counter

import numpy as np
import pytest

from videoseg.evaluation.functional import JointHistogram, joint_histogram
from videoseg.evaluation.functional.joint_histogram import level_histograms, run_starts, unique_inverse


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


@pytest.mark.parametrize('dtype', [np.uint8, np.int16, np.uint32, np.int64])
def test_unique_inverse_equals_numpy(dtype):
    rng = np.random.default_rng(0)
    low, high = (-128, 128) if dtype == np.int16 else (0, 200)
    for ids in (rng.integers(low, high, 3000).astype(dtype), np.zeros(0, dtype), np.full(5, 7, dtype)):
        for ours, theirs in zip(unique_inverse(ids), np.unique(ids, return_inverse=True), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert unique_inverse(ids)[0].dtype == dtype


def test_ids_that_meet_in_a_slot_are_told_apart():
    everything = np.arange(1 << 18)  # more ids than slots
    rare = np.array([5, 5 + (1 << 32), 5, 5 + (3 << 32), -1, (1 << 32) - 1])  # equal in the 32 bits that are hashed
    for ids in (everything, rare):
        for ours, theirs in zip(unique_inverse(ids), np.unique(ids, return_inverse=True), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_run_starts():
    a, b = np.array([1, 1, 2, 2, 2, 1]), np.array([0, 0, 0, 0, 5, 5])
    assert run_starts(a).tolist() == [0, 2, 5] and run_starts(a, b).tolist() == [0, 2, 4, 5]
    assert run_starts(np.array([3])).tolist() == [0]


def test_level_histograms_are_those_of_the_parts():
    rng = np.random.default_rng(1)
    gt, pred = rng.integers(0, 9, (40, 50)), rng.integers(0, 1 << 40, 20)[rng.integers(0, 20, (40, 50))]
    levels = np.minimum(rng.integers(0, 6, (40, 50)), 3)
    parts = level_histograms(gt, pred, levels, 5)
    for level, part in enumerate(parts):
        assert as_dict(part) == as_dict(joint_histogram(gt[levels == level], pred[levels == level]))
        assert part.counts.dtype == np.int64
    assert len(parts) == 5 and len(parts[4]) == 0
    assert as_dict(JointHistogram.sum(parts)) == as_dict(joint_histogram(gt, pred))
    assert [len(x) for x in level_histograms(*np.zeros((3, 0, 4), int), 2)] == [0, 0]
    with pytest.raises(ValueError, match=r'levels \(2, 2\)'):
        level_histograms(gt, pred, np.zeros((2, 2), int), 2)


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
