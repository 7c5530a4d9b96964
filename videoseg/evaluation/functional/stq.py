"""Segmentation and tracking quality (Weber et al., STEP: Segmenting and Tracking Every Pixel, NeurIPS D&B 2021)."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from videoseg.evaluation.functional.histogram_video import HistogramVideo
from videoseg.evaluation.functional.joint_histogram import JointHistogram, sum_by_id
from videoseg.evaluation.functional.video_statistics import VideoStatistics, check_classes
from videoseg.structures.ids import DIVISOR, VOID_LABEL


class STQ(VideoStatistics[HistogramVideo]):
    """STQ, AQ and SQ of panoptic videos (``specs/evaluators.md`` section 5; deeplab2's numpy evaluator).

    AQ is association among the thing classes and does not ask for equal classes; ground truth crowd (thing with
    instance 0) is left out of it. SQ is the mean IoU over all classes with a union; if a prediction leaves valid pixels
    void and ``ignore_label >= num_classes``, void is one more such class, with IoU 0.

    Args:
        num_classes: Number of classes; labels are 0 ... num_classes - 1.
        things: Labels of the classes with instances.
        ignore_label: Ground truth of this class does not count in SQ. Default 255.
        void_pixels: ``'keep'``: a thing predicted on ground truth void lowers AQ (deeplab2). ``'drop'``: pixels
            that are void in the ground truth are removed first (Video K-Net's scripts). Default ``'keep'``.
        divisor: Ids are ``label * divisor + instance``. Default that of :mod:`videoseg.structures.ids`.

    Raises:
        ValueError: If an option has an impossible value.
    """

    prefix = 'stq'
    names = ('STQ', 'AQ', 'SQ')

    def __init__(
        self,
        num_classes: int,
        things: Sequence[int],
        ignore_label: int = VOID_LABEL,
        void_pixels: Literal['keep', 'drop'] = 'keep',
        divisor: int = DIVISOR,
    ) -> None:
        super().__init__()
        if void_pixels not in ('keep', 'drop'):
            raise ValueError(f"void_pixels is {void_pixels!r}, expected 'keep' or 'drop'")
        if bad := [x for x in things if not 0 <= x < num_classes]:
            raise ValueError(f'things {bad} are not among the {num_classes} classes')
        self.num_classes = num_classes
        self.things = tuple(int(x) for x in things)
        self.ignore_label = ignore_label
        self.void_pixels = void_pixels
        self.divisor = divisor

    @property
    def protocol(self) -> dict[str, Any]:
        """Every option that decides a number."""
        return {
            'metric': 'STQ',
            'num_classes': self.num_classes,
            'things': list(self.things),
            'ignore_label': self.ignore_label,
            'void_pixels': self.void_pixels,
            'divisor': self.divisor,
        }

    def update(self, video_id: str, frame_id: int, histogram: JointHistogram) -> bool:
        """Add a frame.

        Args:
            video_id: Name of the video.
            frame_id: Number of the frame; any order.
            histogram: Joint histogram of its panoptic ids.

        Returns:
            Whether the frame is new; one that was counted before is ignored.

        Raises:
            ValueError: If a map holds a class that does not exist.
        """
        video = self.videos.setdefault(video_id, HistogramVideo())
        if frame_id in video.frames:
            return False
        for name, ids in (('ground truth', histogram.gt_ids), ('prediction', histogram.pred_ids)):
            where = f'video {video_id!r}, frame {frame_id}, {name}'
            check_classes(ids // self.divisor, self.num_classes, self.ignore_label, where)
        video.frames.add(frame_id)
        video.add(histogram)
        return True

    def _join(self, video_id: str, mine: HistogramVideo, theirs: HistogramVideo) -> HistogramVideo:
        return mine.joined(video_id, theirs)

    def compute(self) -> dict[str, Any]:
        """The numbers.

        Returns:
            ``STQ``, ``AQ``, ``SQ`` in [0, 1] (NaN where the definition divides 0 by 0); ``num_tubes``,
            ``num_frames``; ``per_class`` with ``IoU`` (NaN for a class without union) and, for things, ``AQ`` and
            ``num_tubes``, each of length ``num_classes``; ``per_video`` with the same scalars; ``protocol``.
        """
        slots = self.num_classes + (self.ignore_label >= self.num_classes)
        confusion = np.zeros((slots, slots))
        quality, tubes = np.zeros(self.num_classes), np.zeros(self.num_classes, np.int64)
        per_video, weighted = {}, False
        for video_id, video in sorted(self.videos.items()):
            histogram = video.total()
            weighted |= histogram.is_weighted
            if self.void_pixels == 'drop':
                histogram = histogram.select(histogram.gt_ids // self.divisor != self.ignore_label)
            video_confusion = self._confusion(histogram, slots)
            video_quality, video_tubes = self._association(histogram)
            confusion += video_confusion
            quality += video_quality
            tubes += video_tubes
            per_video[video_id] = _scores(video_quality.sum(), int(video_tubes.sum()), _class_iou(video_confusion))
            per_video[video_id]['num_frames'] = len(video.frames)
        iou = _class_iou(confusion)
        with np.errstate(invalid='ignore'):
            class_quality = np.where(tubes > 0, quality / tubes, np.nan)
        return {
            **_scores(quality.sum(), int(tubes.sum()), iou),
            'num_frames': sum(len(video.frames) for video in self.videos.values()),
            'per_class': {'IoU': iou[: self.num_classes], 'AQ': class_quality, 'num_tubes': tubes},
            'per_video': per_video,
            'protocol': {**self.protocol, 'weighted': weighted},
        }

    def _confusion(self, histogram: JointHistogram, slots: int) -> np.ndarray:
        """Confusion matrix (ground truth, prediction), float64, with the row of the ignored class emptied."""
        slot_of = {self.ignore_label: slots - 1} if self.ignore_label >= self.num_classes else {}
        rows, columns = (ids // self.divisor for ids in (histogram.gt_ids, histogram.pred_ids))
        for label, slot in slot_of.items():
            rows, columns = np.where(rows == label, slot, rows), np.where(columns == label, slot, columns)
        confusion = np.bincount(rows * slots + columns, weights=histogram.counts, minlength=slots * slots)
        confusion = confusion.reshape(slots, slots).astype(np.float64)
        confusion[min(self.ignore_label, slots - 1)] = 0
        return confusion

    def _association(self, histogram: JointHistogram) -> tuple[np.ndarray, np.ndarray]:
        """Per class: sum of the association quality of its ground truth tubes, and their number."""
        label, instance = histogram.gt_ids // self.divisor, histogram.gt_ids % self.divisor
        is_gt_thing = np.isin(label, self.things)
        histogram = histogram.select(~(is_gt_thing & (instance == 0)))
        is_gt_tube = np.isin(histogram.gt_ids // self.divisor, self.things)
        is_pred_tube = np.isin(histogram.pred_ids // self.divisor, self.things)
        gt_ids, gt_areas = histogram.select(is_gt_tube).gt_areas()
        pred_ids, pred_areas = histogram.select(is_pred_tube).pred_areas()
        pairs = histogram.select(is_gt_tube & is_pred_tube)
        overlap = pairs.counts.astype(np.float64)
        gt_area = gt_areas[np.searchsorted(gt_ids, pairs.gt_ids)]
        union = gt_area + pred_areas[np.searchsorted(pred_ids, pairs.pred_ids)] - overlap
        matched_ids, quality = sum_by_id(pairs.gt_ids, overlap**2 / union / gt_area)
        per_class = np.bincount(matched_ids // self.divisor, weights=quality, minlength=self.num_classes)
        return per_class, np.bincount(gt_ids // self.divisor, minlength=self.num_classes)


def _class_iou(confusion: np.ndarray) -> np.ndarray:
    """IoU of every slot, NaN without a union."""
    hit = np.diag(confusion)
    union = confusion.sum(0) + confusion.sum(1) - hit
    return np.divide(hit, union, out=np.full(len(hit), np.nan), where=union > 0)


def _scores(quality: float, tubes: int, iou: np.ndarray) -> dict[str, Any]:
    aq = float(quality / tubes) if tubes else 0.0
    sq = float(np.mean(iou[~np.isnan(iou)])) if not np.isnan(iou).all() else float('nan')
    return {'STQ': float(np.sqrt(aq * sq)), 'AQ': aq, 'SQ': sq, 'num_tubes': tubes}
