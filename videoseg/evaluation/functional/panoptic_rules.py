"""What counts as a segment and as a class in PQ, VPQ and DVPQ, and the scores that follow from the counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from videoseg.evaluation.functional.joint_histogram import JointHistogram, unique_inverse
from videoseg.evaluation.functional.segment_table import SegmentTable
from videoseg.evaluation.functional.tube_matching import FN, FP, IOU, TP, WindowTubes, match_tubes
from videoseg.evaluation.functional.tube_windows import FrameSegments
from videoseg.evaluation.functional.video_statistics import check_classes
from videoseg.structures.ids import DIVISOR, VOID_LABEL

SegmentsInfo = Sequence[Mapping[str, Any]]
GROUPS = ('all', 'thing', 'stuff')


@dataclass(frozen=True)
class PanopticRules:
    """The options that PQ, VPQ and DVPQ share (``specs/evaluators.md`` sections 2 to 4 and 12).

    Attributes:
        num_classes: K; labels are 0 ... K - 1.
        things: Labels of the thing classes.
        rules: ``'json'`` (panopticapi, Cityscapes-VPS, VIPSeg): crowd is ignored and excuses predictions of its class,
            void leaves the union. ``'label_divisor'`` (ViP-DeepLab, Video-K-Net): there is no crowd, and only void
            with instance 0 leaves the union.
        class_average: ``'present'``: classes with a match or a miss; ``'all'``: every class, an absent one counts 0.
        ignore_label: Class of void pixels in both maps.
        min_overlap: IoU above which segments match, at least 0.5.
        last_crowd_only: With several crowd segments of a class, only the last excuses predictions.
        divisor: Ids are ``label * divisor + instance``.

    Raises:
        ValueError: If an option has an impossible value.
    """

    num_classes: int
    things: tuple[int, ...]
    rules: Literal['json', 'label_divisor'] = 'json'
    class_average: Literal['present', 'all'] = 'present'
    ignore_label: int = VOID_LABEL
    min_overlap: float = 0.5
    last_crowd_only: bool = False
    divisor: int = DIVISOR

    def __post_init__(self) -> None:
        object.__setattr__(self, 'things', tuple(int(x) for x in self.things))
        if self.rules not in ('json', 'label_divisor'):
            raise ValueError(f"rules is {self.rules!r}, expected 'json' or 'label_divisor'")
        if self.class_average not in ('present', 'all'):
            raise ValueError(f"class_average is {self.class_average!r}, expected 'present' or 'all'")
        if not 0.5 <= self.min_overlap < 1:
            raise ValueError(
                f'min_overlap is {self.min_overlap}; below 0.5 a tube could match twice, 1 matches nothing'
            )
        if bad := [x for x in self.things if not 0 <= x < self.num_classes]:
            raise ValueError(f'things {bad} are not among the {self.num_classes} classes')

    @cached_property
    def is_thing(self) -> np.ndarray:
        """(K,) bool."""
        result = np.zeros(self.num_classes, bool)
        result[list(self.things)] = True
        return result

    @property
    def protocol(self) -> dict[str, Any]:
        """Every option, as plain values."""
        return {
            'num_classes': self.num_classes,
            'things': list(self.things),
            'rules': self.rules,
            'class_average': self.class_average,
            'ignore_label': self.ignore_label,
            'min_overlap': self.min_overlap,
            'last_crowd_only': self.last_crowd_only,
            'divisor': self.divisor,
        }

    def frame(
        self,
        histogram: JointHistogram,
        gt_segments: SegmentsInfo | None,
        pred_segments: SegmentsInfo | None,
        where: str,
    ) -> FrameSegments:
        """The segments of one frame.

        Args:
            histogram: Joint histogram of the ids.
            gt_segments: The frame's ``segments_info`` if ids are those of a COCO panoptic json (0 = void, classes
                from there); None for panoptic ids ``label * divisor + instance``. Both or neither.
            pred_segments: The same of the prediction. Predicted areas are always counted.
            where: Video and frame, for errors.

        Raises:
            ValueError: If a class does not exist, or map and json disagree.
        """
        if (gt_segments is None) != (pred_segments is None):
            raise ValueError(f'{where}: give gt_segments and pred_segments, or neither')
        gt_ids, gt_index, gt_areas = _count(histogram.gt_ids, histogram.counts)
        pred_ids, pred_index, pred_areas = _count(histogram.pred_ids, histogram.counts)
        if gt_segments is None:
            gt_void, pred_void = (ids // self.divisor == self.ignore_label for ids in (gt_ids, pred_ids))
            gt = self._table(gt_ids[~gt_void], gt_areas[~gt_void], self.rules == 'json', f'{where}, ground truth')
            pred = self._table(pred_ids[~pred_void], pred_areas[~pred_void], False, f'{where}, prediction')
            no_instance = gt_ids == self.ignore_label * self.divisor
            leaves_union = gt_void if self.rules == 'json' else no_instance
        else:
            gt_void, pred_void = gt_ids == 0, pred_ids == 0
            leaves_union = gt_void
            gt = SegmentTable.from_infos(gt_segments, gt_ids, gt_areas, f'{where}, ground truth')
            pred = SegmentTable.from_infos(
                pred_segments, pred_ids, pred_areas, f'{where}, prediction', use_json_areas=False
            )
            for name, table in (('ground truth', gt), ('prediction', pred)):
                check_classes(table.labels, self.num_classes, None, f'{where}, {name}')
        gt_rows, pred_rows = np.cumsum(~gt_void) - 1, np.cumsum(~pred_void) - 1
        on_void, in_pred = gt_void[gt_index], ~pred_void[pred_index]

        def pixels(keep: np.ndarray) -> np.ndarray:
            keep = keep & in_pred
            return np.bincount(pred_rows[pred_index[keep]], weights=histogram.counts[keep], minlength=len(pred))

        pairs = ~on_void & in_pred
        # impossible areas would make an IoU above 1; others are taken as they are, as the reference does
        too_small = histogram.counts[pairs] > gt.areas[gt_rows[gt_index[pairs]]]
        if too_small.any():
            row = gt_rows[gt_index[pairs]][too_small][0]
            raise ValueError(
                f'{where}, ground truth: segments_info gives id {gt.ids[row]} the area {gt.areas[row]:.15g}, the map '
                'has more pixels; the areas must be those of this resolution'
            )
        return FrameSegments(
            gt=gt,
            pred=pred,
            union_void=pixels(leaves_union[gt_index]),
            excused=pixels(on_void),
            gt_rows=gt_rows[gt_index[pairs]],
            pred_rows=pred_rows[pred_index[pairs]],
            overlaps=histogram.counts[pairs],
        )

    def _table(self, ids: np.ndarray, areas: np.ndarray, has_crowd: bool, where: str) -> SegmentTable:
        """Segments of panoptic ids without void."""
        labels = ids // self.divisor
        check_classes(labels, self.num_classes, self.ignore_label, where)
        is_crowd = np.zeros(len(ids), bool)
        if has_crowd:
            is_crowd = (ids % self.divisor == 0) & self.is_thing[labels]
        return SegmentTable(ids, labels, areas, is_crowd, np.arange(len(ids)))

    def match(self, tubes: WindowTubes) -> np.ndarray:
        """(W, K, 4) matches and misses, see :func:`match_tubes`."""
        return match_tubes(tubes, self.num_classes, self.min_overlap, self.last_crowd_only)

    def scores(self, counts: np.ndarray, num_windows: int) -> dict[str, Any]:
        """Scores from matches and misses.

        Args:
            counts: (K, 4) as from :func:`match_tubes`, summed over windows or images.
            num_windows: Number of windows or images counted; without any there is no number.

        Returns:
            ``all``, ``thing``, ``stuff`` with ``PQ, SQ, RQ`` (NaN without a class) and ``num_classes``;
            ``num_windows``; ``per_class`` with ``PQ, SQ, RQ`` (NaN for an absent class) and ``IoU_sum, TP, FP, FN``
            of length K.
        """
        iou, tp, fp, fn = (counts[:, column] for column in (IOU, TP, FP, FN))
        found = tp + fp / 2 + fn / 2
        is_found = found > 0
        classes = {
            'PQ': np.divide(iou, found, out=np.zeros_like(iou), where=is_found),
            'SQ': np.divide(iou, tp, out=np.zeros_like(iou), where=tp > 0),
            'RQ': np.divide(tp, found, out=np.zeros_like(iou), where=is_found),
        }
        averaged = is_found if self.class_average == 'present' else np.full(self.num_classes, num_windows > 0)
        groups = averaged, averaged & self.is_thing, averaged & ~self.is_thing
        scores: dict[str, Any] = {}
        for name, group in zip(GROUPS, groups, strict=True):
            scores[name] = {
                key: float(values[group].mean()) if group.any() else float('nan') for key, values in classes.items()
            }
            scores[name]['num_classes'] = int(group.sum())
        scores['num_windows'] = num_windows
        per_class = {key: np.where(is_found, values, np.nan) for key, values in classes.items()}
        scores['per_class'] = {**per_class, 'IoU_sum': iou, 'TP': tp, 'FP': fp, 'FN': fn}
        return scores


def group_name(name: str, group: str) -> str:
    """Name of a number of one of the :data:`GROUPS`."""
    return name if group == 'all' else f'{name}_{group}'


def mean_over(name: str, scores: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Mean PQ of several scores (window sizes, depth thresholds), of those that have a number.

    Args:
        name: Name of the mean.
        scores: What :meth:`PanopticRules.scores` returned.

    Returns:
        ``<name>``, ``<name>_thing``, ``<name>_stuff``; NaN where no score has a number.
    """
    result = {}
    for group in GROUPS:
        values = [x[group]['PQ'] for x in scores]
        values = [x for x in values if not np.isnan(x)]
        result[group_name(name, group)] = float(np.mean(values)) if values else float('nan')
    return result


def class_mean(scores: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """(K,) mean PQ of every class over the scores in which it is present; NaN if it is in none."""
    values = np.stack([x['per_class']['PQ'] for x in scores])
    known = ~np.isnan(values)
    total, number = np.where(known, values, 0).sum(0), known.sum(0)
    return np.divide(total, number, out=np.full(len(total), np.nan), where=number > 0)


def _count(ids: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct ids, ascending, the index of each entry's id among them, and their areas."""
    unique, index = unique_inverse(ids)
    return unique, index, np.bincount(index, weights=counts, minlength=len(unique))
