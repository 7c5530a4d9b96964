"""Base of the metrics of panoptic maps."""

from videoseg.evaluation.functional import VideoStatistics
from videoseg.evaluation.metrics.frame_view import FrameView
from videoseg.evaluation.metrics.video_metric import VideoMetric


class PanopticMetric(VideoMetric):
    """Counts the joint histogram of panoptic ids of every frame; arguments as in :class:`VideoMetric`."""

    ground_truth = 'panoptic'

    def update(self, statistics: VideoStatistics, frame: FrameView) -> None:
        """See :meth:`VideoMetric.update`."""
        frame.require('pred_panoptic', type(self).__name__)
        statistics.update(frame.video_id, frame.frame_id, frame.histogram)
