"""What benchmarks of panoptic maps have in common: classes, options, statistics."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from videoseg.evaluation.benchmarks.base_benchmark import BaseBenchmark, Statistics
from videoseg.evaluation.formats import ClassTable
from videoseg.evaluation.functional.joint_histogram import JointHistogram
from videoseg.evaluation.functional.pq import PQ
from videoseg.evaluation.functional.semantic_iou import SemanticIoU
from videoseg.evaluation.functional.stq import STQ
from videoseg.evaluation.functional.video_consistency import VideoConsistency
from videoseg.evaluation.functional.video_statistics import VideoStatistics
from videoseg.evaluation.functional.vpq import VPQ


class PanopticBenchmark(BaseBenchmark):
    """A benchmark whose frames are two maps of ids, counted once for all metrics.

    Options, explained where they belong: ``void_pixels`` of STQ; ``rules``, ``class_average``, ``min_overlap`` and
    ``last_crowd_only`` of VPQ and PQ; ``vc_windows`` of VC, where the argument ``windows`` is for VPQ.

    Attributes:
        default_windows: Window sizes of VPQ that papers report.
        table: The classes; sub-classes set it before they use it.

    Args:
        gt: See :class:`BaseBenchmark`, as all other arguments.
    """

    available = ('stq', 'vpq', 'pq', 'vss', 'vc')
    default_metrics = ('stq', 'vpq')
    default_options: ClassVar[Mapping[str, Any]] = dict(
        void_pixels='keep',
        rules='json',
        class_average='present',
        min_overlap=0.5,
        last_crowd_only=False,
        vc_windows='8,16',
    )
    default_windows: ClassVar[tuple[int, ...]] = (1, 2, 4, 6)
    table: ClassTable

    def __init__(
        self,
        gt: str | Path,
        pred: str | Path,
        metrics: Sequence[str] | None = None,
        windows: Sequence[int] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(gt, pred, metrics, windows, options)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, things first."""
        return self.table.names

    def build_statistics(self) -> Statistics:
        """Empty statistics of the chosen metrics."""
        return {name: self.make(name) for name in self.metrics}

    def make(self, name: str) -> VideoStatistics:
        """Empty statistics of one metric."""
        count, things, options = len(self.table), self.table.things, self.options
        windows = self.windows or self.default_windows
        matching = {key: options[key] for key in ('class_average', 'min_overlap', 'last_crowd_only')}
        if name == 'stq':
            return STQ(count, things, void_pixels=options['void_pixels'])
        if name == 'vpq':
            return VPQ(count, things, windows, self.rules, **matching)
        if name == 'pq':
            return PQ(count, things, **matching)
        if name == 'vss':
            return SemanticIoU(count)
        if self.windows and 'vpq' not in self.metrics:
            return VideoConsistency(self.windows)
        return VideoConsistency(parse_numbers(options, 'vc_windows', int))

    @property
    def rules(self) -> str:
        """Matching rules of VPQ and PQ."""
        return self.options.get('rules', 'json')

    def count_ids(self, video_id: str, index: int, histogram: JointHistogram, statistics: Statistics) -> None:
        """Add the joint histogram of panoptic ids of a frame to the metrics that need no more than that."""
        for name in ('stq', 'vss'):
            if name in statistics:
                statistics[name].update(video_id, index, histogram)


def parse_numbers(options: Mapping[str, Any], name: str, kind: type) -> list[Any]:
    """Read an option of several numbers, with commas between them.

    Raises:
        ValueError: If it is something else.
    """
    try:
        return [kind(x) for x in options[name].split(',')]
    except ValueError as error:
        raise ValueError(f'option {name} is {options[name]!r}, expected numbers with commas between them') from error
