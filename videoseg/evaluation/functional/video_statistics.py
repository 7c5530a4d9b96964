"""Additive statistics keyed by video: what the metrics share."""

from abc import ABC, abstractmethod
from copy import deepcopy
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np

from videoseg.evaluation.functional.frame_set import FrameSet


class HasFrames(Protocol):
    """Statistics of one video: anything with the frames counted so far."""

    frames: FrameSet


V = TypeVar('V', bound=HasFrames)


class VideoStatistics(ABC, Generic[V]):
    """Statistics of a set of videos that can be merged over processes.

    Every frame of a video counts once, however often it is given: samplers of distributed runs repeat samples.

    Attributes:
        prefix: Short name of the metric in flat results: ``stq`` of ``stq/STQ``.
        videos: Video id -> statistics of that video.
    """

    prefix: ClassVar[str]

    def __init__(self) -> None:
        self.videos: dict[str, V] = {}

    def merge(self, other: 'VideoStatistics[V]') -> None:
        """Add the statistics of another process. The order of merging does not matter.

        Args:
            other: Statistics of the same kind with the same options; not changed.

        Raises:
            ValueError: If the options differ, or if a video's frames were split so that they cannot be joined.
        """
        if self.protocol != other.protocol:
            raise ValueError(f'cannot merge statistics of different options: {self.protocol} and {other.protocol}')
        self.merge_videos(other.videos)

    def merge_videos(self, videos: dict[str, V]) -> None:
        """Add per-video statistics (``videos`` of another process), see :meth:`merge`."""
        for video_id, theirs in videos.items():
            mine = self.videos.get(video_id)
            if mine is not None and theirs.frames.issubset(mine.frames):
                continue
            if mine is None or mine.frames.issubset(theirs.frames):
                self.videos[video_id] = deepcopy(theirs)
            else:
                self.videos[video_id] = self._join(video_id, mine, theirs)

    def reset(self) -> None:
        """Forget all videos."""
        self.videos = {}

    @property
    @abstractmethod
    def protocol(self) -> dict[str, Any]:
        """Every option that decides a number."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The numbers to report, without prefix, the main one first: keys of :meth:`compute`'s result."""

    @abstractmethod
    def compute(self) -> dict[str, Any]:
        """The numbers, from the statistics so far.

        Returns:
            Every one of :attr:`names` (float in [0, 1], NaN where the definition divides 0 by 0); ``per_video``: video
            id -> the same names and ``num_frames``; ``per_class``: column name -> (K,) array, NaN where there is
            nothing to score; ``num_frames``; ``protocol``.
        """

    @abstractmethod
    def _join(self, video_id: str, mine: V, theirs: V) -> V:
        """Join two parts of a video, neither of which contains the other."""


def overlapping_frames(video_id: str, mine: FrameSet, theirs: FrameSet) -> str:
    """What to say when two processes counted some frames of a video both and others not."""
    return (
        f'video {video_id!r}: two processes saw different but overlapping frames, {mine} and {theirs}; use a sampler '
        'that hands whole videos to a process'
    )


def check_classes(labels: np.ndarray, num_classes: int, ignore_label: int | None, where: str) -> None:
    """Refuse class labels outside the table.

    Args:
        labels: (n,) integers.
        num_classes: Labels are 0 ... num_classes - 1.
        ignore_label: One more label that is allowed; None if labels come from a json, where there is none.
        where: Video, frame, which map: for the error.

    Raises:
        ValueError: Naming the labels and ``where``.
    """
    is_bad = (labels < 0) | (labels >= num_classes)
    if ignore_label is not None:
        is_bad &= labels != ignore_label
    if not is_bad.any():
        return
    bad = np.unique(labels[is_bad])[:5].tolist()
    if ignore_label is None:
        raise ValueError(f'{where}: class labels {bad} in segments_info are not among the {num_classes} classes')
    raise ValueError(
        f'{where}: class labels {bad} are neither below {num_classes} nor the ignore label {ignore_label}; '
        'maps must hold model labels (label * divisor + instance)'
    )
