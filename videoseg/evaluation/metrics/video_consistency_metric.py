"""Video consistency as an mmengine metric."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from videoseg.evaluation.functional.video_consistency import VideoConsistency
from videoseg.evaluation.functional.video_statistics import VideoStatistics
from videoseg.evaluation.metrics.frame_view import FrameView
from videoseg.evaluation.metrics.video_metric import VideoMetric
from videoseg.registry import METRICS


@METRICS.register_module()
class VideoConsistencyMetric(VideoMetric):
    """``vc/VC8``, ``vc/VC16`` ... in [0, 1].

    Ground truth labels are compared as the files have them if the data set packs ``raw_seg`` (VSPW), otherwise as model
    labels. Windows run over the frames that have ground truth. The latest maps are kept of every video that has not
    ended. See
    :class:`videoseg.evaluation.functional.VideoConsistency`.

    Args:
        windows: Numbers of frames n. Default 8, 16.
        **kwargs: Arguments of :class:`VideoMetric`.
    """

    default_prefix = 'vc'
    ground_truth = 'semantic'

    def __init__(self, windows: Sequence[int] = (8, 16), **kwargs: Any) -> None:
        self.windows = tuple(windows)
        super().__init__(**kwargs)

    def _reset(self) -> None:
        super()._reset()
        self._running: dict[str, VideoConsistency] = {}

    def build_statistics(self, num_classes: int, things: Sequence[int]) -> VideoConsistency:
        """Empty statistics."""
        return VideoConsistency(self.windows)

    def update(self, statistics: VideoStatistics, frame: FrameView) -> None:
        """See :meth:`VideoMetric.update`."""
        pred = frame.require('pred_labels', type(self).__name__)
        # Batches mix the windows of several videos, the statistics take one video after the other.
        if frame.video_id not in self._running:
            self._running[frame.video_id] = VideoConsistency(self.windows)
        self._running[frame.video_id].update(frame.video_id, frame.frame_id, frame.gt_raw_labels, pred)

    def process_tracks(self, video_id: str, table: Mapping[str, Tensor]) -> None:
        """Forget the maps of a finished video; arguments as in :meth:`VideoMetric.process_tracks`."""
        if video_id in self._running:
            self._get_statistics().merge_videos(self._running.pop(video_id).videos)

    def evaluate(self, size: int) -> dict[str, float]:
        """See :meth:`VideoMetric.evaluate`."""
        for video_id in list(self._running):
            self.process_tracks(video_id, {})
        return super().evaluate(size)
