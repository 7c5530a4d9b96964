"""J&F as an mmengine metric."""

from collections.abc import Sequence
from typing import Any, Literal

from videoseg.evaluation.formats.davis import DAVIS_VOID_ID
from videoseg.evaluation.functional.j_and_f import JAndF
from videoseg.evaluation.functional.video_statistics import VideoStatistics
from videoseg.evaluation.metrics.frame_view import FrameView
from videoseg.evaluation.metrics.video_metric import VideoMetric
from videoseg.registry import METRICS


@METRICS.register_module()
class JAndFMetric(VideoMetric):
    """``jf/J&F``, ``jf/J_mean``, ``jf/F_mean`` ... in [0, 1].

    Objects are the instances of the ground truth, whatever their class, and the tracks of the prediction. Void pixels
    of DAVIS are background with ``matching='id'`` and left out with ``'best'``, as on the command line. See
    :class:`videoseg.evaluation.functional.JAndF`.

    Args:
        matching: ``'best'``: tracks are assigned to objects so that the score is best (unsupervised; a tracker's ids
            are its own). ``'id'``: by equal number, for models that were given the objects of the first frame. Default
            ``'best'``.
        **kwargs: Arguments of :class:`VideoMetric`.
    """

    default_prefix = 'jf'
    ground_truth = 'instance'

    def __init__(self, matching: Literal['best', 'id'] = 'best', **kwargs: Any) -> None:
        self.matching = matching
        super().__init__(**kwargs)

    def build_statistics(self, num_classes: int, things: Sequence[int]) -> JAndF:
        """Empty statistics."""
        void_pixels = 'ignore' if self.matching == 'best' else 'background'
        return JAndF(self.matching, void_label=DAVIS_VOID_ID, void_pixels=void_pixels)

    def update(self, statistics: VideoStatistics, frame: FrameView) -> None:
        """See :meth:`VideoMetric.update`."""
        pred = frame.require('pred_objects', type(self).__name__)
        statistics.update(frame.video_id, frame.frame_id, frame.gt_objects, pred)
