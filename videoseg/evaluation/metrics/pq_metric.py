"""Image PQ as an mmengine metric."""

from collections.abc import Sequence
from typing import Any, Literal

from videoseg.evaluation.functional.pq import PQ
from videoseg.evaluation.metrics.panoptic_metric import PanopticMetric
from videoseg.registry import METRICS


@METRICS.register_module()
class PQMetric(PanopticMetric):
    """``pq/PQ``, ``pq/SQ``, ``pq/RQ``, ``pq/PQ_thing``, ``pq/PQ_stuff`` in [0, 1], every frame an image of its own.

    See :class:`videoseg.evaluation.functional.PQ`.

    Args:
        class_average: Mean over classes ``'present'`` or ``'all'``. Default ``'present'``.
        **kwargs: Arguments of :class:`VideoMetric`.
    """

    default_prefix = 'pq'

    def __init__(self, class_average: Literal['present', 'all'] = 'present', **kwargs: Any) -> None:
        self.class_average = class_average
        super().__init__(**kwargs)

    def build_statistics(self, num_classes: int, things: Sequence[int]) -> PQ:
        """Empty PQ statistics."""
        return PQ(num_classes, things, class_average=self.class_average)
