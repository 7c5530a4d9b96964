"""mIoU as an mmengine metric."""

from collections.abc import Sequence
from typing import Any

from videoseg.evaluation.functional.semantic_iou import SemanticIoU
from videoseg.evaluation.functional.video_statistics import VideoStatistics
from videoseg.evaluation.metrics.frame_view import FrameView
from videoseg.evaluation.metrics.video_metric import VideoMetric
from videoseg.registry import METRICS


@METRICS.register_module()
class SemanticIoUMetric(VideoMetric):
    """``vss/mIoU``, ``vss/aAcc``, ``vss/mAcc``, ``vss/fwIoU`` in [0, 1].

    Labels are taken from panoptic maps where there are any, in the ground truth and in the prediction. See
    :class:`videoseg.evaluation.functional.SemanticIoU`.

    Args:
        **kwargs: Arguments of :class:`VideoMetric`.
    """

    default_prefix = 'vss'
    ground_truth = 'semantic'

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def build_statistics(self, num_classes: int, things: Sequence[int]) -> SemanticIoU:
        """Empty statistics."""
        return SemanticIoU(num_classes)

    def update(self, statistics: VideoStatistics, frame: FrameView) -> None:
        """See :meth:`VideoMetric.update`."""
        frame.require('pred_labels', type(self).__name__)
        statistics.update(frame.video_id, frame.frame_id, frame.histogram)
