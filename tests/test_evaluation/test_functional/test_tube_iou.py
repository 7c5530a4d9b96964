"""``tube_IoU`` of video AP, by hand. Masks are stripes: so many columns of 16, IoUs are their ratios."""

import math

import pytest

from tests.test_evaluation.tracks import score, single
from videoseg.evaluation.functional.frame_masks import GTTrack


def test_tube_iou_is_the_best_of_each_track_whatever_the_score():
    """Tracks of 16 and 4 columns; predictions of 12 (0.75 and 4 / 12) and 2 (2 / 16 and 0.5)."""
    result = score({'1': single([(16, {}), (4, {})], [(12, 0.1), (2, 0.9)])})
    assert result['tube_IoU'] == pytest.approx((0.75 + 0.5) / 2)
    assert score({'1': single([(16, {}), (4, {})], [(12, 0.1)])})['tube_IoU'] == pytest.approx((0.75 + 1 / 3) / 2)


def test_tube_iou_is_that_of_the_whole_track():
    """As above: 10 / 24, below every threshold of AP."""
    result = score({'1': single([((8, 8, 0, 0, 4), {})], [((8, 2, 4, 0, 0), 0.5)])})
    assert (result['AP'], result['tube_IoU']) == (0, pytest.approx(10 / 24))


def test_tube_iou_is_a_mean_over_tracks_of_all_classes():
    """Two tracks of class 0 (0.75, 0.5), one of class 1, predicted as class 0 only: 0."""
    video = single([(16, {}), (4, {}), (16, {})], [(12, 0.1), (2, 0.9)])
    video.gt[2] = GTTrack(3, 1)
    result = score({'1': video, '2': single([(16, {})], [(16, 0.5)])})
    assert result['tube_IoU'] == pytest.approx((0.75 + 0.5 + 0 + 1) / 4)
    assert result['per_class']['tube_IoU'][:2].tolist() == pytest.approx([2.25 / 3, 0])
    assert result['per_video']['1']['tube_IoU'] == pytest.approx(1.25 / 3)
    assert result['per_video']['2']['tube_IoU'] == 1


def test_tube_iou_leaves_out_crowd_and_predictions_beyond_the_limit():
    gt = [(16, {}), (4, dict(is_crowd=True))]
    assert score({'1': single(gt, [(12, 0.5)])})['tube_IoU'] == pytest.approx(0.75)
    assert math.isnan(score({'1': single(gt[1:], [(4, 0.5)])})['tube_IoU'])
    many = [(4, 0.9 - i / 1000) for i in range(100)] + [(16, 0.1)]
    assert score({'1': single([(16, {})], many)})['tube_IoU'] == pytest.approx(0.25)
