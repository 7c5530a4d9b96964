"""VPQ as an mmengine metric."""

from collections.abc import Sequence
from typing import Any, Literal

from videoseg.evaluation.functional import VPQ
from videoseg.evaluation.metrics.panoptic_metric import PanopticMetric
from videoseg.registry import METRICS


@METRICS.register_module()
class VPQMetric(PanopticMetric):
    """``vpq/VPQ``, ``vpq/VPQ_thing``, ``vpq/VPQ_stuff`` and ``vpq/VPQ_<k>`` in [0, 1].

    Windows run over the frames that have ground truth. See :class:`videoseg.evaluation.functional.VPQ`.

    Args:
        windows: Window sizes k in (labelled) frames. Default 1, 2, 4, 6.
        rules: ``'json'`` or ``'label_divisor'``. Default ``'json'``.
        class_average: Mean over classes ``'present'`` or ``'all'``. Default ``'present'``.
        **kwargs: Arguments of :class:`VideoMetric`.
    """

    default_prefix = 'vpq'

    def __init__(
        self,
        windows: Sequence[int] = (1, 2, 4, 6),
        rules: Literal['json', 'label_divisor'] = 'json',
        class_average: Literal['present', 'all'] = 'present',
        **kwargs: Any,
    ) -> None:
        self.windows = tuple(windows)
        self.rules = rules
        self.class_average = class_average
        super().__init__(**kwargs)

    def build_statistics(self, num_classes: int, things: Sequence[int]) -> VPQ:
        """Empty VPQ statistics."""
        return VPQ(num_classes, things, self.windows, self.rules, self.class_average)
