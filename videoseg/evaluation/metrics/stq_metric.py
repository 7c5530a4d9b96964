"""STQ as an mmengine metric."""

from collections.abc import Sequence
from typing import Any, Literal

from videoseg.evaluation.functional import STQ
from videoseg.evaluation.metrics.panoptic_metric import PanopticMetric
from videoseg.registry import METRICS
from videoseg.structures.ids import VOID_LABEL


@METRICS.register_module()
class STQMetric(PanopticMetric):
    """``stq/STQ``, ``stq/AQ``, ``stq/SQ`` in [0, 1] (:class:`videoseg.evaluation.functional.STQ`).

    Args:
        void_pixels: ``'keep'`` (deeplab2) or ``'drop'`` pixels that are void in the ground truth. Default ``'keep'``.
        ignore_label: Class that does not count in SQ. Default 255.
        **kwargs: Arguments of :class:`VideoMetric`.
    """

    default_prefix = 'stq'

    def __init__(
        self, void_pixels: Literal['keep', 'drop'] = 'keep', ignore_label: int = VOID_LABEL, **kwargs: Any
    ) -> None:
        self.void_pixels = void_pixels
        self.ignore_label = ignore_label
        super().__init__(**kwargs)

    def build_statistics(self, num_classes: int, things: Sequence[int]) -> STQ:
        """Empty STQ statistics."""
        return STQ(num_classes, things, self.ignore_label, self.void_pixels)
