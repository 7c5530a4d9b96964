"""Base of the metrics that count over whole videos."""

import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from mmengine.dist import all_gather_object
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from videoseg.evaluation.functional import FrameSet, VideoStatistics
from videoseg.evaluation.metrics.frame_view import BatchFrames, FrameView

_MAX_COLUMNS = 6
"""Width of the table in the log; the result has them all."""

_batch_frames = BatchFrames()


class VideoMetric(BaseMetric):
    """Scores frame results with additive statistics.

    Frame results are dicts with metainfo ``video_id``, ``frame_id``, ``video_length`` (optional), predictions and, if
    there is any, ground truth, see :class:`videoseg.evaluation.metrics.frame_view.FrameView`. They are counted as they
    come and not kept. Processes exchange per-video statistics, keyed by video id, so results do not depend on how
    videos were shared out, and repeated samples count once; ``size`` given to ``evaluate`` is not used.

    Metrics that need different kinds of ground truth can stand in one config. Frames without the kind that this metric
    needs are not scored; if no frame has it, that is said once and no number is reported. A data set whose maps do not
    mean all that they could hold says so in its metainfo: ``gt_kinds=('instance',)`` for objects without classes.

    Attributes:
        ground_truth: The kind of ground truth that is scored: ``'panoptic'``, ``'semantic'`` or ``'instance'``.
        last_result: What the statistics computed in the latest ``evaluate``; None if there was nothing to score.
        last_names: The numbers in it that are reported, by the names in it.

    Args:
        allow_missing_frames: Score a video even if fewer frames came than its ``video_length``. Default False.
        collect_device: ``'cpu'`` or ``'gpu'``; kept for mmengine's interface, statistics are exchanged through the
            process group either way.
        prefix: Prefix of the names of the numbers. Default: that of the statistics.
    """

    ground_truth: ClassVar[Literal['panoptic', 'semantic', 'instance']] = 'panoptic'

    def __init__(
        self, allow_missing_frames: bool = False, collect_device: str = 'cpu', prefix: str | None = None
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.allow_missing_frames = allow_missing_frames
        self.last_result: dict[str, Any] | None = None
        self.last_names: tuple[str, ...] = ()
        self._reset()

    def _reset(self) -> None:
        self._statistics: VideoStatistics | None = None
        self._lengths: dict[str, int] = {}
        self._unscored: dict[str, FrameSet] = {}
        self._other_kinds: set[str] = set()
        _batch_frames.clear()

    @abstractmethod
    def build_statistics(self, num_classes: int, things: Sequence[int]) -> VideoStatistics:
        """Make the empty statistics.

        Args:
            num_classes: Number of classes of the dataset.
            things: Model labels of its thing classes.
        """

    @abstractmethod
    def update(self, statistics: VideoStatistics, frame: FrameView) -> None:
        """Count a frame that has the kind of ground truth this metric needs.

        Raises:
            KeyError: If the result has no fitting prediction.
            ValueError: If sizes or class labels are wrong.
        """

    def finish_result(self, result: dict[str, Any]) -> dict[str, Any]:
        """What the statistics computed, with this metric's own options in ``protocol``. By default it is as it is."""
        return result

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count a batch of frame results.

        Args:
            data_batch: Not used.
            data_samples: Frame results as dicts; of one video in time order.

        Raises:
            KeyError: If a result has no prediction, or the dataset's metainfo lacks something.
            ValueError: If sizes or class labels are wrong.
        """
        statistics = self._get_statistics()
        for index in range(len(data_samples)):
            frame = _batch_frames.get(data_samples, index, self._meta('num_things'))
            if 'video_length' in frame.sample:
                self._lengths[frame.video_id] = int(frame.sample['video_length'])
            kinds = frame.gt_kinds & set(self.dataset_meta.get('gt_kinds', frame.gt_kinds))
            if self.ground_truth in kinds:
                self.update(statistics, frame)
            else:
                self._unscored.setdefault(frame.video_id, FrameSet()).add(frame.frame_id)
                self._other_kinds |= kinds

    def process_tracks(self, video_id: str, table: Mapping[str, Tensor]) -> None:
        """Take the track table of a finished video; only metrics of tracks need it.

        Args:
            video_id: Name of the video.
            table: What the segmentor's ``finish`` returned.
        """

    def evaluate(self, size: int) -> dict[str, float]:
        """Merge the statistics of all processes and compute; every process gets the same numbers.

        Args:
            size: Not used: nothing is truncated, repeated samples are recognised by video and frame.

        Returns:
            Prefixed name -> number; empty if there is no ground truth of the kind that is needed.

        Raises:
            ValueError: If frames of a video are missing.
        """
        self.last_result = None
        try:
            statistics, unscored, other_kinds = self._gather()
        finally:
            self._reset()
        num_unscored = sum(len(x) for x in unscored.values())
        if not statistics.videos:
            self._log_nothing_scored(num_unscored, other_kinds)
            return {}
        if num_unscored:
            self._log(f'{num_unscored} frames without ground truth were left out', logging.WARNING)
        result = self.last_result = self.finish_result(statistics.compute())
        self.last_names = tuple(statistics.names)
        numbers = {name: result[name] for name in self.last_names}
        self._log(self._summary(result, numbers))
        prefix = self.prefix or statistics.prefix
        return {f'{prefix}/{name}': value for name, value in numbers.items()}

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Not used: :meth:`evaluate` computes from the statistics."""
        raise NotImplementedError(f'{type(self).__name__} has no results of single frames')

    def _get_statistics(self) -> VideoStatistics:
        if self._statistics is None:
            self._statistics = self.build_statistics(len(self._meta('classes')), range(self._meta('num_things')))
        return self._statistics

    def _meta(self, key: str) -> Any:
        if self.dataset_meta is None or key not in self.dataset_meta:
            raise KeyError(f"{type(self).__name__}: the dataset's metainfo has no '{key}'")
        return self.dataset_meta[key]

    def _gather(self) -> tuple[VideoStatistics, dict[str, FrameSet], set[str]]:
        """Statistics, frames without ground truth and other kinds of it, of all processes together."""
        statistics = self._get_statistics()
        parts = all_gather_object((statistics.videos, self._unscored, self._lengths, self._other_kinds))
        statistics.reset()
        unscored: dict[str, FrameSet] = {}
        lengths: dict[str, int] = {}
        other_kinds: set[str] = set()
        for videos, part_unscored, part_lengths, part_kinds in parts:
            statistics.merge_videos(videos)
            lengths.update(part_lengths)
            other_kinds |= part_kinds
            for video_id, frames in part_unscored.items():
                unscored[video_id] = unscored.get(video_id, FrameSet()).union(frames)
        for video_id, length in sorted(lengths.items()):
            seen = unscored.get(video_id, FrameSet())
            if video_id in statistics.videos:
                seen = seen.union(statistics.videos[video_id].frames)
            if len(seen) < length and not self.allow_missing_frames:
                raise ValueError(
                    f'video {video_id!r}: {len(seen)} of {length} frames were predicted ({seen}); test whole videos, '
                    'or set allow_missing_frames=True'
                )
        return statistics, unscored, other_kinds

    def _log(self, message: str, level: int = logging.INFO) -> None:
        print_log(f'{type(self).__name__}: {message}', logger='current', level=level)

    def _log_nothing_scored(self, num_unscored: int, other_kinds: set[str]) -> None:
        if not num_unscored:
            self._log('no frames were given, there is nothing to score', logging.WARNING)
        elif other_kinds:
            self._log(
                f'no score: this data set has {" and ".join(sorted(other_kinds))} ground truth, and this metric needs '
                f'{self.ground_truth} ground truth',
                logging.WARNING,
            )
        else:
            self._log(
                f'no score: none of the {num_unscored} frames has ground truth; a PredictionWriter (tools/test.py '
                '--pred-dir) writes the predictions',
                logging.WARNING,
            )

    def _summary(self, result: Mapping[str, Any], numbers: Mapping[str, float]) -> str:
        lines = [f'{len(result["per_video"])} videos, {result["num_frames"]} frames']
        columns = {name: x for name, x in result['per_class'].items() if np.asarray(x).dtype.kind == 'f'}
        columns = dict(list(columns.items())[:_MAX_COLUMNS])
        if columns:
            names = self._meta('classes')
            width = max(len(x) for x in names)
            lines.append(' ' * width + ''.join(f'{x:>12}' for x in columns))
            for label, name in enumerate(names):
                values = [column[label] for column in columns.values() if label < len(column)]
                if not all(np.isnan(values)):
                    lines.append(f'{name:<{width}}' + ''.join(f'{x:>12.4f}' for x in values))
        return '\n'.join([*lines, '  '.join(f'{name} {value:.4f}' for name, value in numbers.items())])
