"""Predictions of any system on disk against the ground truth of an official layout."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from videoseg.evaluation.functional.video_statistics import VideoStatistics

Statistics = dict[str, VideoStatistics]


class BaseBenchmark(ABC):
    """Ground truth and predictions in one on-disk format, scored video by video.

    Free of torch and of configs. Looking at the lists (jsons, folders) happens in the constructor, which raises on
    anything missing or surplus; pixels are read in :meth:`score_video`, once for all metrics. Objects can be pickled, so
    that videos can be shared out over processes; statistics of the parts are merged.

    Args:
        gt: Ground truth, as the official layout has it.
        pred: Predictions.
        metrics: Prefixes of the metrics to compute, some of :attr:`available`. Default: :attr:`default_metrics`.
        windows: Window sizes for metrics that have them. Default: what papers on this benchmark report.

    Raises:
        FileNotFoundError: If something is not there.
        ValueError: If a metric does not exist for this format, or lists disagree; naming video, frame and id.
    """

    available: ClassVar[tuple[str, ...]]
    default_metrics: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        gt: str | Path,
        pred: str | Path,
        metrics: Sequence[str] | None = None,
        windows: Sequence[int] | None = None,
    ) -> None:
        self.gt = Path(gt)
        self.pred = Path(pred)
        self.metrics = tuple(metrics) if metrics is not None else self.default_metrics
        self.windows = tuple(windows) if windows is not None else None
        if unknown := [x for x in self.metrics if x not in self.available]:
            raise ValueError(f'{type(self).__name__} has no metrics {unknown}; it has {", ".join(self.available)}')
        for path, what in ((self.gt, 'ground truth'), (self.pred, 'predictions')):
            if not path.exists():
                raise FileNotFoundError(f'{path}: {what} missing')

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Class names, index = label in the statistics."""

    @property
    @abstractmethod
    def videos(self) -> Mapping[str, int]:
        """Video id -> number of frames that will be read, in the order of the ground truth."""

    @abstractmethod
    def build_statistics(self) -> Statistics:
        """Empty statistics, metric prefix -> statistics."""

    @abstractmethod
    def score_video(self, video_id: str, statistics: Statistics) -> None:
        """Read one video and add it to the statistics.

        Raises:
            FileNotFoundError: If a frame is missing.
            ValueError: If a file is wrong, naming video, frame and id.
        """

    def combine(self, results: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Add metrics that follow from others (DSTQ from STQ and depth quality); prefix -> result of ``compute``."""
        return results
