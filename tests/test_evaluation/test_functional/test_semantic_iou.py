import math

import numpy as np
import pytest

from tests.test_evaluation.clips import NUM_CLASSES, disturb, feed, make_clip, recorded, whole_and_merged
from videoseg.evaluation.functional import joint_histogram
from videoseg.evaluation.functional.semantic_iou import SemanticIoU
from videoseg.structures.ids import DIVISOR

NAMES = ('mIoU', 'aAcc', 'mAcc', 'fwIoU')


def labels_of(raw):
    """Class indices of raw VSPW values."""
    return np.where((raw == 0) | (raw == 255), 255, raw - 1)


def run_recorded(**options):
    arrays, _, params, _ = recorded('vspw')
    statistics = SemanticIoU(params['num_classes'], divisor=1, **options)
    for video in params['videos']:
        feed(statistics, video, labels_of(arrays[f'gt_{video}']), arrays[f'pred_{video}'])
    return statistics.compute()


def test_parity_vspw():
    _, expected, _, tolerance = recorded('vspw')
    result = run_recorded()
    for name in NAMES:
        assert result[name] == pytest.approx(expected[name], rel=0, abs=tolerance)


def test_parity_mmseg():
    """mmseg divides in float32; ratios of our counts, rounded to that, are its numbers to the last bit."""
    _, expected, _, tolerance = recorded('vspw')
    result = run_recorded(class_average='union')
    iou, accuracy = (result['per_class'][x].astype(np.float32) for x in ('IoU', 'Acc'))
    assert np.nanmean(iou) == pytest.approx(expected['mmseg']['mIoU'], rel=0, abs=tolerance)
    assert np.nanmean(accuracy) == pytest.approx(expected['mmseg']['mAcc'], rel=0, abs=tolerance)
    assert np.float32(result['aAcc']) == pytest.approx(expected['mmseg']['aAcc'], rel=0, abs=tolerance)
    assert np.nanmean(result['per_class']['IoU']) == pytest.approx(result['mIoU'], rel=1e-12)


def hand_made(pred, **options):
    """Ground truth: 4 pixels of class 0, 2 of class 1, 2 void; of 4 classes."""
    gt = np.array([0, 0, 0, 0, 1, 1, 255, 255])
    statistics = SemanticIoU(4, divisor=1, **options)
    statistics.update('a', 0, joint_histogram(gt, np.array(pred)))
    return statistics.compute()


def test_hand_computed_frame():
    result = hand_made([0, 0, 0, 2, 1, 0, 3, 0])
    assert result['per_class']['IoU'].tolist() == pytest.approx([3 / 5, 1 / 2, math.nan, math.nan], nan_ok=True)
    assert result['per_class']['Acc'].tolist() == pytest.approx([3 / 4, 1 / 2, math.nan, math.nan], nan_ok=True)
    assert result['mIoU'] == pytest.approx((0.6 + 0.5) / 2)
    assert result['aAcc'] == pytest.approx(4 / 6)
    assert result['mAcc'] == pytest.approx((0.75 + 0.5) / 2)
    assert result['fwIoU'] == pytest.approx((4 * 0.6 + 2 * 0.5) / 6)
    assert result['per_video'] == {'a': {**{x: result[x] for x in NAMES}, 'num_frames': 1}}


def test_a_class_only_predicted_counts_in_the_union_average_only():
    pred = [0, 0, 0, 2, 1, 0, 3, 0]  # class 2 on class 0; class 3 on void, which is nothing
    assert hand_made(pred, class_average='gt')['mIoU'] == pytest.approx((0.6 + 0.5) / 2)
    result = hand_made(pred, class_average='union')
    assert result['mIoU'] == pytest.approx((0.6 + 0.5 + 0) / 3)
    assert result['per_class']['IoU'].tolist() == pytest.approx([0.6, 0.5, 0, math.nan], nan_ok=True)


def test_predicted_void_is_refused_or_a_miss():
    pred = [0, 0, 0, 255, 1, 255, 255, 0]
    with pytest.raises(
        ValueError, match=r"video 'a', frame 0, prediction: 3 pixels have the void label 255.*pred_void"
    ):
        hand_made(pred)
    result = hand_made(pred, pred_void='miss')
    assert result['per_class']['IoU'].tolist() == pytest.approx([3 / 4, 1 / 2, math.nan, math.nan], nan_ok=True)
    assert result['aAcc'] == pytest.approx(4 / 6)


def test_void_of_panoptic_predictions_is_a_miss_by_default():
    assert SemanticIoU(4).protocol['pred_void'] == 'miss'
    assert SemanticIoU(4, divisor=1).protocol['pred_void'] == 'error'
    assert SemanticIoU(4, pred_void='error').protocol['pred_void'] == 'error'


def test_histograms_of_ids_and_of_labels_agree():
    clip = make_clip(0)
    pred = disturb(clip, 0)
    a = feed(SemanticIoU(NUM_CLASSES), 'a', clip, pred).compute()
    b = feed(SemanticIoU(NUM_CLASSES, divisor=1), 'a', clip // DIVISOR, pred // DIVISOR).compute()
    assert a['per_video'] == b['per_video'] and 0.1 < a['mIoU'] < 0.9


def test_numbers_are_those_of_the_sum_not_means_of_videos():
    gt = np.array([[0] * 4 + [1] * 4])
    statistics = SemanticIoU(2, divisor=1)
    statistics.update('a', 0, joint_histogram(gt, gt))
    statistics.update('b', 0, joint_histogram(gt, np.zeros_like(gt)))
    result = statistics.compute()
    assert (result['per_video']['a']['mIoU'], result['per_video']['b']['mIoU']) == (1, 0.25)
    assert result['mIoU'] == pytest.approx((8 / 12 + 4 / 8) / 2)


def test_merged_shards_equal_one_run_in_any_order():
    for expected, result in whole_and_merged(lambda: SemanticIoU(NUM_CLASSES), split_video=True):
        np.testing.assert_array_equal(expected.pop('per_class')['IoU'], result.pop('per_class')['IoU'])
        assert result == expected


def test_merge_refuses_what_cannot_be_joined():
    clip = make_clip(0)
    a = feed(SemanticIoU(NUM_CLASSES), 'a', clip[:4], clip[:4])
    b = feed(SemanticIoU(NUM_CLASSES), 'a', clip[3:6], clip[3:6], first=3)
    with pytest.raises(ValueError, match="video 'a'.*overlapping frames"):
        a.merge(b)
    with pytest.raises(ValueError, match='different options'):
        a.merge(SemanticIoU(NUM_CLASSES, class_average='union'))


def test_repeated_frames_count_once():
    clip = make_clip(1)
    pred = disturb(clip, 1)
    once = feed(SemanticIoU(NUM_CLASSES), 'a', clip, pred)
    twice = feed(feed(SemanticIoU(NUM_CLASSES), 'a', clip, pred), 'a', clip[:3], pred[:3])
    assert not twice.update('a', 2, joint_histogram(clip[2], pred[2]))
    assert twice.compute()['per_video'] == once.compute()['per_video']


def test_nothing_and_nothing_but_void():
    nothing = SemanticIoU(3).compute()
    assert all(math.isnan(nothing[x]) for x in NAMES) and nothing['num_frames'] == 0
    void = SemanticIoU(3, divisor=1)
    void.update('a', 0, joint_histogram(np.full(5, 255), np.arange(5) % 3))
    result = void.compute()
    assert math.isnan(result['mIoU']) and math.isnan(result['per_video']['a']['aAcc']) and result['num_frames'] == 1


def test_wrong_options_and_labels_are_refused():
    with pytest.raises(ValueError, match='class_average'):
        SemanticIoU(3, class_average='all')
    with pytest.raises(ValueError, match='pred_void'):
        SemanticIoU(3, pred_void='ignore')
    with pytest.raises(ValueError, match='ignore_label 0 is one of the 3 classes'):
        SemanticIoU(3, ignore_label=0)
    statistics = SemanticIoU(3, divisor=1)
    with pytest.raises(ValueError, match=r"video 'a', frame 7, prediction: class labels \[5\]"):
        statistics.update('a', 7, joint_histogram(np.array([1]), np.array([5])))
    with pytest.raises(ValueError, match=r'ground truth: class labels \[3\]'):
        statistics.update('a', 7, joint_histogram(np.array([3]), np.array([1])))
    assert statistics.compute()['num_frames'] == 0  # a refused frame leaves nothing behind
