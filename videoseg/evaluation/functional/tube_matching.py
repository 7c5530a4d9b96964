"""Matching of the tubes (or segments) of one window: the rules of panoptic quality."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videoseg.evaluation.functional.joint_histogram import JointHistogram, sum_by_id
from videoseg.evaluation.functional.segment_table import SegmentTable

# Ground truth ids of pixels that belong to no segment. "Excuse only" void does not leave the union.
VOID = -1
VOID_EXCUSE_ONLY = -2

# Columns of the statistics.
IOU, TP, FP, FN = range(4)


@dataclass(frozen=True)
class FrameSegments:
    """One frame, ready to be matched or joined to a window.

    Attributes:
        gt: Ground truth segments.
        pred: Predicted segments.
        pairs: Joint histogram of their ids; ground truth void is ``VOID`` or ``VOID_EXCUSE_ONLY``, predicted void is
            left out.
    """

    gt: SegmentTable
    pred: SegmentTable
    pairs: JointHistogram

    @classmethod
    def over_time(cls, frames: Sequence['FrameSegments']) -> 'FrameSegments':
        """The tubes of consecutive frames, given in time order."""
        if len(frames) == 1:
            return frames[0]
        return cls(
            SegmentTable.over_time([f.gt for f in frames]),
            SegmentTable.over_time([f.pred for f in frames]),
            JointHistogram.sum([f.pairs for f in frames]),
        )


def match_tubes(
    window: FrameSegments, num_classes: int, min_overlap: float = 0.5, last_crowd_only: bool = False
) -> np.ndarray:
    """Count matches and misses of a window (``specs/evaluators.md`` sections 2 to 4; panopticapi).

    Args:
        window: The tubes.
        num_classes: K.
        min_overlap: A pair of one class matches if its IoU is above this, strictly; a prediction is excused if its
            share on void and crowd of its class is. At least 0.5, which makes the matching unique. Default 0.5.
        last_crowd_only: Let only the last crowd segment of a class excuse predictions, as panopticapi's scripts do.

    Returns:
        (K, 4) float64: sum of IoU, true positives, false positives, false negatives of every class.
    """
    gt, pred, pairs = window.gt, window.pred, window.pairs
    gt_order, pred_order = np.argsort(gt.ids), np.argsort(pred.ids)
    on_void = (pairs.gt_ids == VOID) | (pairs.gt_ids == VOID_EXCUSE_ONLY)

    def pred_rows(ids: np.ndarray) -> np.ndarray:
        return pred_order[np.searchsorted(pred.ids, ids, sorter=pred_order)]

    def per_pred(mask: np.ndarray) -> np.ndarray:
        rows = pred_rows(pairs.pred_ids[mask])
        return np.bincount(rows, weights=pairs.counts[mask], minlength=len(pred.ids))

    on_segment = pairs.select(~on_void)
    gt_row = gt_order[np.searchsorted(gt.ids, on_segment.gt_ids, sorter=gt_order)]
    pred_row = pred_rows(on_segment.pred_ids)
    same_class = gt.labels[gt_row] == pred.labels[pred_row]
    union = gt.areas[gt_row] + pred.areas[pred_row] - on_segment.counts - per_pred(pairs.gt_ids == VOID)[pred_row]
    with np.errstate(divide='ignore'):
        iou = on_segment.counts / union
    matched = same_class & ~gt.is_crowd[gt_row] & (iou > min_overlap)

    counts_as_crowd = gt.is_crowd.copy()
    if last_crowd_only:
        crowd_rows = np.flatnonzero(gt.is_crowd)
        last_of_class = {int(gt.labels[row]): row for row in crowd_rows}
        counts_as_crowd[:] = False
        counts_as_crowd[list(last_of_class.values())] = True
    on_crowd = same_class & counts_as_crowd[gt_row]
    excused_area = per_pred(on_void) + np.bincount(
        pred_row[on_crowd], weights=on_segment.counts[on_crowd], minlength=len(pred.ids)
    )
    gt_missed, pred_missed = ~gt.is_crowd, excused_area / pred.areas <= min_overlap
    gt_missed[gt_row[matched]] = False
    pred_missed[pred_row[matched]] = False

    result = np.zeros((num_classes, 4))
    matched_labels = gt.labels[gt_row[matched]]
    labels, total = sum_by_id(matched_labels, iou[matched])
    result[labels, IOU] = total
    result[:, TP] = np.bincount(matched_labels, minlength=num_classes)
    result[:, FP] = np.bincount(pred.labels[pred_missed], minlength=num_classes)
    result[:, FN] = np.bincount(gt.labels[gt_missed], minlength=num_classes)
    return result
