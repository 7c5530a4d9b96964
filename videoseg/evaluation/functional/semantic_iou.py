"""Mean IoU and accuracies of semantic maps (the protocol of VSPW, Miao et al., CVPR 2021; and that of mmseg)."""

from typing import Any, Literal

import numpy as np

from videoseg.evaluation.functional.histogram_video import HistogramVideo
from videoseg.evaluation.functional.joint_histogram import JointHistogram
from videoseg.evaluation.functional.video_statistics import (
    VideoStatistics,
    check_classes,
)
from videoseg.structures.ids import DIVISOR, VOID_LABEL

ClassAverage = Literal['gt', 'union']


class SemanticIoU(VideoStatistics[HistogramVideo]):
    """mIoU, pixel accuracy, mean class accuracy and frequency-weighted IoU (``specs/evaluators.md`` section 8).

    One confusion matrix over all frames of all videos; only pixels whose ground truth is a class count. Takes the joint
    histogram of panoptic ids that all metrics of a run share, or one of label maps (``divisor=1``).

    Args:
        num_classes: Number of classes; labels are 0 ... num_classes - 1.
        class_average: Classes in the mean of IoU. ``'gt'``: those that occur in the ground truth (VSPW's script).
            ``'union'``: those in ground truth or prediction; one only predicted counts 0 (mmseg). Default ``'gt'``.
        pred_void: Pixels predicted as ``ignore_label``. ``'error'``: refused, since VSPW's script would count them as
            some other class. ``'miss'``: a miss of the ground truth class, as which panoptic predictions leave them.
            Default: ``'error'`` for label maps (``divisor`` 1), ``'miss'`` for panoptic ids.
        ignore_label: Void of the ground truth, not below ``num_classes``. Default 255.
        divisor: Ids are ``label * divisor + instance``. Default that of :mod:`videoseg.structures.ids`.

    Raises:
        ValueError: If an option has an impossible value.
    """

    prefix = 'vss'
    names = ('mIoU', 'aAcc', 'mAcc', 'fwIoU')

    def __init__(
        self,
        num_classes: int,
        class_average: ClassAverage = 'gt',
        pred_void: Literal['error', 'miss'] | None = None,
        ignore_label: int = VOID_LABEL,
        divisor: int = DIVISOR,
    ) -> None:
        super().__init__()
        if class_average not in ('gt', 'union'):
            raise ValueError(f"class_average is {class_average!r}, expected 'gt' or 'union'")
        if pred_void not in (None, 'error', 'miss'):
            raise ValueError(f"pred_void is {pred_void!r}, expected 'error' or 'miss'")
        if 0 <= ignore_label < num_classes:
            raise ValueError(f'ignore_label {ignore_label} is one of the {num_classes} classes')
        self.num_classes = num_classes
        self.class_average = class_average
        self.pred_void = pred_void or ('error' if divisor == 1 else 'miss')
        self.ignore_label = ignore_label
        self.divisor = divisor

    @property
    def protocol(self) -> dict[str, Any]:
        """Every option that decides a number."""
        return {
            'metric': 'mIoU',
            'num_classes': self.num_classes,
            'class_average': self.class_average,
            'pred_void': self.pred_void,
            'ignore_label': self.ignore_label,
            'divisor': self.divisor,
        }

    def update(self, video_id: str, frame_id: int, histogram: JointHistogram) -> bool:
        """Add a frame.

        Args:
            video_id: Name of the video.
            frame_id: Number of the frame; any order.
            histogram: Joint histogram of its panoptic ids, or of its labels with ``divisor`` 1.

        Returns:
            Whether the frame is new; one that was counted before is ignored.

        Raises:
            ValueError: If a map holds a class that does not exist, or the prediction void that is refused.
        """
        video = self.videos.get(video_id) or HistogramVideo()
        if frame_id in video.frames:
            return False
        gt, pred = histogram.gt_ids // self.divisor, histogram.pred_ids // self.divisor
        where = f'video {video_id!r}, frame {frame_id}'
        check_classes(gt, self.num_classes, self.ignore_label, f'{where}, ground truth')
        check_classes(pred, self.num_classes, self.ignore_label, f'{where}, prediction')
        if self.pred_void == 'error' and (pred == self.ignore_label).any():
            num = histogram.counts[pred == self.ignore_label].sum()
            raise ValueError(
                f'{where}, prediction: {num:g} pixels have the void label {self.ignore_label}, which is no class; '
                "predict a class everywhere, or count them as misses with pred_void='miss'"
            )
        self.videos[video_id] = video
        video.frames.add(frame_id)
        video.add(JointHistogram(gt, pred, histogram.counts).select(gt != self.ignore_label))
        return True

    def _join(self, video_id: str, mine: HistogramVideo, theirs: HistogramVideo) -> HistogramVideo:
        return mine.joined(video_id, theirs)

    def compute(self) -> dict[str, Any]:
        """The numbers.

        Returns:
            ``mIoU``, ``aAcc``, ``mAcc``, ``fwIoU`` in [0, 1], NaN without a valid pixel; ``num_frames``; ``per_class``
            with ``IoU`` (NaN for a class that is not in the mean) and ``Acc`` (NaN for one not in the ground truth),
            each of length ``num_classes``; ``per_video`` with the same scalars; ``protocol``.
        """
        total = np.zeros((self.num_classes, self.num_classes + 1))
        per_video = {}
        for video_id, video in sorted(self.videos.items()):
            confusion = confusion_matrix(video.total(), self.num_classes)
            total += confusion
            scores, _ = semantic_scores(confusion, self.class_average)
            per_video[video_id] = {**scores, 'num_frames': len(video.frames)}
        scores, per_class = semantic_scores(total, self.class_average)
        return {
            **scores,
            'num_frames': sum(len(video.frames) for video in self.videos.values()),
            'per_class': per_class,
            'per_video': per_video,
            'protocol': self.protocol,
        }


def confusion_matrix(histogram: JointHistogram, num_classes: int) -> np.ndarray:
    """Confusion matrix of a joint histogram of labels.

    Args:
        histogram: Ground truth labels are 0 ... num_classes - 1; predicted ones outside of that are void.
        num_classes: Number of classes.

    Returns:
        (num_classes, num_classes + 1) float64, ground truth in rows; the last column is predicted void.
    """
    columns = num_classes + 1
    cells = histogram.gt_ids * columns + np.minimum(histogram.pred_ids, num_classes)
    counts = np.bincount(cells, weights=histogram.counts, minlength=num_classes * columns)
    return counts.reshape(num_classes, columns).astype(np.float64)


def semantic_scores(
    confusion: np.ndarray, class_average: ClassAverage
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """The numbers of a confusion matrix.

    Args:
        confusion: As :func:`confusion_matrix` returns it.
        class_average: See :class:`SemanticIoU`.

    Returns:
        ``mIoU``, ``aAcc``, ``mAcc``, ``fwIoU``; and ``IoU`` and ``Acc`` of the classes, NaN where there is none.
    """
    gt = confusion.sum(1)
    hit = np.diag(confusion)
    union = gt + confusion[:, :-1].sum(0) - hit
    counts = gt > 0 if class_average == 'gt' else union > 0
    iou = np.divide(hit, union, out=np.full(len(hit), np.nan), where=counts)
    accuracy = np.divide(hit, gt, out=np.full(len(hit), np.nan), where=gt > 0)
    seen = gt > 0
    if not seen.any():
        return dict.fromkeys(SemanticIoU.names, float('nan')), dict(IoU=iou, Acc=accuracy)
    scores = dict(
        mIoU=float(iou[counts].mean()),
        aAcc=float(hit.sum() / gt.sum()),
        mAcc=float(accuracy[seen].mean()),
        fwIoU=float((gt[seen] * iou[seen]).sum() / gt.sum()),
    )
    return scores, dict(IoU=iou, Acc=accuracy)
