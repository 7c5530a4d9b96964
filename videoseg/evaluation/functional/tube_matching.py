"""Matching of the tubes (or segments) of windows: the rules of panoptic quality."""

from dataclasses import dataclass

import numpy as np

# Columns of the statistics.
IOU, TP, FP, FN = range(4)


@dataclass(frozen=True)
class Tubes:
    """The tubes of one map in W windows; S ids altogether, of which a window may lack some.

    Attributes:
        labels: (W, S) int64 classes; meaningless where the id is absent.
        areas: (W, S) float64 pixels; 0 where the id is absent.
        is_present: (W, S) bool.
    """

    labels: np.ndarray
    areas: np.ndarray
    is_present: np.ndarray


@dataclass(frozen=True)
class WindowTubes:
    """W windows, ready to be matched: G ground truth ids, P predicted ids, N pairs of them that overlap somewhere.

    Attributes:
        gt: Ground truth tubes.
        is_crowd: (W, G) bool.
        ranks: (W, G) int64: ground truth tubes in the order in which they appear, ascending.
        pred: Predicted tubes.
        union_void: (W, P) float64 pixels of each prediction that leave the union of its pairs.
        excused: (W, P) float64 pixels of each prediction on void.
        gt_rows: (N,) column of ``gt`` of each pair.
        pred_rows: (N,) column of ``pred`` of each pair.
        overlaps: (W, N) float64 pixels.
    """

    gt: Tubes
    is_crowd: np.ndarray
    ranks: np.ndarray
    pred: Tubes
    union_void: np.ndarray
    excused: np.ndarray
    gt_rows: np.ndarray
    pred_rows: np.ndarray
    overlaps: np.ndarray


def match_tubes(
    tubes: WindowTubes, num_classes: int, min_overlap: float = 0.5, last_crowd_only: bool = False
) -> np.ndarray:
    """Count matches and misses of every window (``specs/evaluators.md`` sections 2 to 4; panopticapi).

    Args:
        tubes: The tubes of W windows.
        num_classes: K.
        min_overlap: A pair of one class matches if its IoU is above this, strictly; a prediction is excused if its
            share on void and crowd of its class is. At least 0.5, which makes the matching unique. Default 0.5.
        last_crowd_only: Let only the last crowd segment of a class excuse predictions, as panopticapi's scripts do.
            Default False.

    Returns:
        (W, K, 4) float64: sum of IoU, true positives, false positives, false negatives of every class.
    """
    gt, pred = tubes.gt, tubes.pred
    same_class = gt.labels[:, tubes.gt_rows] == pred.labels[:, tubes.pred_rows]
    same_class &= tubes.overlaps > 0
    pairs = np.flatnonzero(same_class.any(0))  # the others neither match nor excuse
    gt_rows, pred_rows = tubes.gt_rows[pairs], tubes.pred_rows[pairs]
    same_class, overlaps = same_class[:, pairs], tubes.overlaps[:, pairs]
    union = gt.areas[:, gt_rows] + pred.areas[:, pred_rows] - overlaps - tubes.union_void[:, pred_rows]
    # An area of the json may be too small for a union above 0: no match.
    iou = np.divide(overlaps, union, out=np.zeros_like(union), where=union > 0)
    crowd = tubes.is_crowd[:, gt_rows]
    window, pair = np.nonzero(same_class & ~crowd & (iou > min_overlap))
    matched_gt, matched_pred = gt_rows[pair], pred_rows[pair]

    missed = gt.is_present & ~tubes.is_crowd
    missed[window, matched_gt] = False
    excused = tubes.excused
    if (on_crowd := same_class & crowd).any():
        if last_crowd_only:
            on_crowd &= _last_of_class(tubes, num_classes)[:, gt_rows]
        excused = excused.copy()
        row, column = np.nonzero(on_crowd)
        np.add.at(excused, (row, pred_rows[column]), overlaps[on_crowd])
    wrong = pred.is_present & (excused <= min_overlap * pred.areas)
    wrong[window, matched_pred] = False

    cells = num_classes * np.arange(len(overlaps))[:, None]
    matched = cells[window, 0] + gt.labels[window, matched_gt]
    size = num_classes * len(overlaps)
    counts = (
        np.bincount(matched, weights=iou[window, pair], minlength=size),
        np.bincount(matched, minlength=size),
        np.bincount((cells + pred.labels)[wrong], minlength=size),
        np.bincount((cells + gt.labels)[missed], minlength=size),
    )
    return np.stack(counts, axis=1).reshape(len(overlaps), num_classes, 4).astype(np.float64)


def _last_of_class(tubes: WindowTubes, num_classes: int) -> np.ndarray:
    """(W, G) bool: the crowd tube of each class that appears last in its window."""
    is_last = np.zeros_like(tubes.is_crowd)
    for window, crowd in enumerate(tubes.is_crowd & tubes.gt.is_present):
        rows = np.flatnonzero(crowd)
        rows = rows[np.argsort(tubes.ranks[window, rows])]
        last = np.full(num_classes, -1)
        last[tubes.gt.labels[window, rows]] = rows  # of equal indices the last assignment stays
        is_last[window, last[last >= 0]] = True
    return is_last
