"""VPQ as an mmengine metric."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from videoseg.evaluation.functional import VPQ
from videoseg.evaluation.metrics.video_metric import VideoMetric
from videoseg.registry import METRICS


@METRICS.register_module()
class VPQMetric(VideoMetric):
    """``vpq/VPQ``, ``vpq/VPQ_thing``, ``vpq/VPQ_stuff`` and ``vpq/VPQ_<k>`` in [0, 1].

    See :class:`videoseg.evaluation.functional.VPQ`.

    Args:
        windows: Window sizes k in frames. Default 1, 2, 4, 6.
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

    def select_numbers(self, result: Mapping[str, Any]) -> dict[str, float]:
        """VPQ of all, thing and stuff classes, and of each window size."""
        numbers = {name: result[name] for name in ('VPQ', 'VPQ_thing', 'VPQ_stuff')}
        return numbers | {f'VPQ_{size}': result['per_window'][size]['all']['PQ'] for size in self.windows}

    def class_table(self, result: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """PQ of every class, one column a window size."""
        return {f'VPQ_{size}': result['per_window'][size]['per_class']['PQ'] for size in self.windows}
