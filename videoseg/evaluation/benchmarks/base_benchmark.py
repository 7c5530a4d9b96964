"""Predictions of any system on disk against the ground truth of an official layout."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from videoseg.evaluation.functional.video_statistics import VideoStatistics

Statistics = dict[str, VideoStatistics]
WINDOWED = frozenset({'vpq', 'dvpq', 'vc'})
"""Metrics that have windows."""


class BaseBenchmark(ABC):
    """Ground truth and predictions in one on-disk format, scored video by video.

    Free of torch and of configs. Looking at the lists (jsons, folders) happens in the constructor, which raises on
    anything missing or surplus; pixels are read in :meth:`score_video`, once for all metrics. Objects can be pickled,
    so that videos can be shared out over processes; statistics of the parts are merged.

    Sub-classes may add keyword arguments ``classes`` (a json table, :class:`videoseg.evaluation.formats.ClassTable`),
    ``gt_png``, ``pred_png`` and ``split``: the command line offers them where the constructor has them.

    Attributes:
        available: Prefixes of the metrics of this format.
        default_metrics: Those that are computed if none are named.
        default_options: Name -> default of the explicit options where official scripts disagree.

    Args:
        gt: Ground truth, as the official layout has it.
        pred: Predictions.
        metrics: Prefixes of the metrics to compute, some of :attr:`available`. Default: :attr:`default_metrics`.
        windows: Window sizes for metrics that have them. Default: what papers on this benchmark report.
        options: Values for some of :attr:`default_options`; texts are read as the type of the default.
            Default: none.

    Raises:
        FileNotFoundError: If something is not there.
        ValueError: If a metric or an option does not exist for this format, windows are given to metrics without
            any, or lists disagree; naming video, frame and id.
    """

    available: ClassVar[tuple[str, ...]]
    default_metrics: ClassVar[tuple[str, ...]]
    default_options: ClassVar[Mapping[str, Any]] = {}

    def __init__(
        self,
        gt: str | Path,
        pred: str | Path,
        metrics: Sequence[str] | None = None,
        windows: Sequence[int] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.gt = Path(gt)
        self.pred = Path(pred)
        self.metrics = tuple(metrics) if metrics is not None else self.default_metrics
        self.windows = tuple(windows) if windows is not None else None
        if not self.metrics or len(set(self.metrics)) != len(self.metrics):
            raise ValueError(f'metrics are {list(self.metrics)}, expected distinct ones of {", ".join(self.available)}')
        if unknown := [x for x in self.metrics if x not in self.available]:
            raise ValueError(f'{type(self).__name__} has no metrics {unknown}; it has {", ".join(self.available)}')
        if self.windows is not None and not WINDOWED & set(self.metrics):
            raise ValueError(f'windows are given, but none of the metrics {list(self.metrics)} has windows')
        self.options = {**self.default_options, **self._read_options(options or {})}
        for path, what in ((self.gt, 'ground truth'), (self.pred, 'predictions')):
            if not path.exists():
                raise FileNotFoundError(f'{path}: {what} missing')

    def _read_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        result = {}
        for name, value in options.items():
            if name not in self.default_options:
                known = ', '.join(self.default_options) or 'none'
                raise ValueError(f'{type(self).__name__} has no option {name!r}; it has {known}')
            result[name] = _as_type_of(self.default_options[name], value, name)
        return result

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Class names, index = label in the statistics."""

    @property
    @abstractmethod
    def videos(self) -> Mapping[str, int]:
        """Video id -> number of frames that will be read, in the order of the ground truth."""

    @property
    def protocol(self) -> dict[str, Any]:
        """What decides the numbers besides the metrics' own options; names of files, not where they lie."""
        return dict(
            format=type(self).__module__.rsplit('.', 1)[-1].removesuffix('_benchmark'),
            gt=self.gt.resolve().name,
            pred=self.pred.resolve().name,
            classes=list(self.classes),
            options=dict(self.options),
        )

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


def _as_type_of(default: Any, value: Any, name: str) -> Any:
    """Read an option given as text; other values must have the type of the default."""
    kind = type(default)
    if isinstance(value, str) and kind is not str:
        try:
            if kind is bool:
                return {'true': True, '1': True, 'false': False, '0': False}[value.lower()]
            return kind(value)
        except (KeyError, ValueError) as error:
            raise ValueError(f'option {name} is {value!r}, expected a value of type {kind.__name__}') from error
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f'option {name} is {value!r}, expected a value of type {kind.__name__}')
    return value
