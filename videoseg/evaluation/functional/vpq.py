"""Video panoptic quality (Kim et al., Video Panoptic Segmentation, CVPR 2020), streaming."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from videoseg.evaluation.functional.frame_set import FrameSet
from videoseg.evaluation.functional.joint_histogram import JointHistogram
from videoseg.evaluation.functional.panoptic_rules import PanopticRules, SegmentsInfo, class_mean, mean_over
from videoseg.evaluation.functional.tube_windows import FrameSegments, TubeWindows
from videoseg.evaluation.functional.video_statistics import VideoStatistics
from videoseg.structures.ids import DIVISOR, VOID_LABEL


@dataclass
class VPQVideo:
    """One video: counts of all its windows, and the last frames that later windows still need.

    Attributes:
        counts: (sizes, K, 4) sum of IoU, true positives, false positives, false negatives.
        num_windows: (sizes,).
        recent: The last ``max(windows)`` frames.
        frames: Frames counted.
    """

    counts: np.ndarray
    num_windows: np.ndarray
    recent: TubeWindows
    frames: FrameSet = field(default_factory=FrameSet)

    @classmethod
    def empty(cls, windows: Sequence[int], num_classes: int) -> 'VPQVideo':
        """A video of which no frame has been counted."""
        shape = (len(windows), num_classes, 4)
        return cls(np.zeros(shape), np.zeros(len(windows), np.int64), TubeWindows(windows))

    def add(self, frame: FrameSegments, rules: PanopticRules) -> None:
        """Count the windows that end with the next frame."""
        complete, tubes = self.recent.push(frame)
        self.counts[complete] += rules.match(tubes)
        self.num_windows[complete] += 1


class VPQ(VideoStatistics[VPQVideo]):
    """VPQ over all window sizes in one pass (``specs/evaluators.md`` sections 3 and 4).

    Memory holds ``max(windows)`` frame histograms a video, whatever its length. Predicted pixels of a thing class
    with instance 0 (untracked) are one ordinary tube of that class.

    Args:
        num_classes: K; labels are 0 ... K - 1.
        things: Labels of the thing classes.
        windows: Window sizes k in (labelled) frames. Default 1, 2, 4, 6.
        rules: ``'json'`` (Cityscapes-VPS, VIPSeg): crowd is ignored and excuses predictions of its class, void leaves
            the union. ``'label_divisor'`` (ViP-DeepLab, Video-K-Net): there is no crowd, and only void with
            instance 0 leaves the union. Default ``'json'``.
        class_average: ``'present'``: classes with a match or a miss; ``'all'``: every class, an absent one counts 0
            (Video-K-Net's script). Default ``'present'``.
        ignore_label: Class of void pixels in both maps. Default 255.
        min_overlap: IoU above which tubes match, at least 0.5. Default 0.5.
        last_crowd_only: With several crowd segments of a class, only the last excuses predictions, as in
            panopticapi. Default False: all of them do.
        divisor: Ids are ``label * divisor + instance``. Default that of :mod:`videoseg.structures.ids`.

    Raises:
        ValueError: If an option has an impossible value.
    """

    prefix = 'vpq'

    def __init__(
        self,
        num_classes: int,
        things: Sequence[int],
        windows: Sequence[int] = (1, 2, 4, 6),
        rules: Literal['json', 'label_divisor'] = 'json',
        class_average: Literal['present', 'all'] = 'present',
        ignore_label: int = VOID_LABEL,
        min_overlap: float = 0.5,
        last_crowd_only: bool = False,
        divisor: int = DIVISOR,
    ) -> None:
        super().__init__()
        self.rules = PanopticRules(
            num_classes, tuple(things), rules, class_average, ignore_label, min_overlap, last_crowd_only, divisor
        )
        self.windows = check_windows(windows)

    @property
    def protocol(self) -> dict[str, Any]:
        """Every option that decides a number."""
        return {'metric': 'VPQ', 'windows': list(self.windows), **self.rules.protocol}

    @property
    def names(self) -> tuple[str, ...]:
        """``VPQ``, ``VPQ_thing``, ``VPQ_stuff`` and ``VPQ_<k>`` of every window size."""
        return 'VPQ', 'VPQ_thing', 'VPQ_stuff', *(f'VPQ_{size}' for size in self.windows)

    def update(
        self,
        video_id: str,
        frame_id: int,
        histogram: JointHistogram,
        gt_segments: SegmentsInfo | None = None,
        pred_segments: SegmentsInfo | None = None,
    ) -> bool:
        """Add the next frame of a video.

        Args:
            video_id: Name of the video.
            frame_id: Number of the frame; rising, gaps are allowed (sparse labels).
            histogram: Joint histogram of the ids.
            gt_segments: The frame's ``segments_info`` if ids are those of a COCO panoptic json (0 = void, classes
                from there); None for panoptic ids ``label * divisor + instance``. Both or neither.
            pred_segments: The same of the prediction. Predicted areas are always counted.

        Returns:
            Whether the frame is new; one that was counted before is ignored.

        Raises:
            ValueError: If a frame comes late, a class does not exist, or map and json disagree.
        """
        video = self.videos.get(video_id)
        if video is not None and frame_id in video.frames:
            return False
        where = f'video {video_id!r}, frame {frame_id}'
        if video is not None:
            check_order(frame_id, video.frames, where)
        frame = self.rules.frame(histogram, gt_segments, pred_segments, where)
        if video is None:
            video = self.videos[video_id] = VPQVideo.empty(self.windows, self.rules.num_classes)
        video.frames.add(frame_id)
        video.add(frame, self.rules)
        return True

    def _join(self, video_id: str, mine: VPQVideo, theirs: VPQVideo) -> VPQVideo:
        raise ValueError(split_video(video_id, mine.frames, theirs.frames))

    def compute(self) -> dict[str, Any]:
        """The numbers.

        Returns:
            ``VPQ``, ``VPQ_thing``, ``VPQ_stuff`` in [0, 1]: means over the window sizes for which there is a number;
            ``VPQ_<k>`` of every size; ``per_class`` with the columns ``VPQ`` (mean over sizes) and ``VPQ_<k>``;
            ``per_window`` size -> ``all``/``thing``/``stuff`` with ``PQ, SQ, RQ`` (NaN without a class) and
            ``num_classes``, ``num_windows``, and ``per_class`` with ``PQ, SQ, RQ, IoU_sum, TP, FP, FN`` of length K;
            ``per_video`` video -> the same names and ``num_frames``; ``num_frames``; ``protocol``.
        """
        counts = np.zeros((len(self.windows), self.rules.num_classes, 4))
        num_windows = np.zeros(len(self.windows), np.int64)
        per_video = {}
        for video_id, video in sorted(self.videos.items()):
            counts += video.counts
            num_windows += video.num_windows
            scores = window_scores(self.rules, self.windows, video.counts, video.num_windows)
            per_video[video_id] = {**self._numbers(scores), 'num_frames': len(video.frames)}
        per_window = window_scores(self.rules, self.windows, counts, num_windows)
        columns = {f'VPQ_{size}': scores['per_class']['PQ'] for size, scores in per_window.items()}
        return {
            **self._numbers(per_window),
            'num_frames': sum(len(v.frames) for v in self.videos.values()),
            'per_class': {'VPQ': class_mean(list(per_window.values())), **columns},
            'per_window': per_window,
            'per_video': per_video,
            'protocol': self.protocol,
        }

    def _numbers(self, per_window: dict[int, dict[str, Any]]) -> dict[str, float]:
        """Everything in :attr:`names`."""
        sizes = {f'VPQ_{size}': scores['all']['PQ'] for size, scores in per_window.items()}
        return {**mean_over('VPQ', list(per_window.values())), **sizes}


def check_windows(windows: Sequence[int]) -> tuple[int, ...]:
    """Window sizes as a tuple.

    Raises:
        ValueError: If there are none, or one is below 1 or named twice.
    """
    if not windows or min(windows) < 1 or len(set(windows)) != len(windows):
        raise ValueError(f'windows is {tuple(windows)}, expected distinct sizes of at least 1')
    return tuple(int(k) for k in windows)


def check_order(frame_id: int, frames: FrameSet, where: str) -> None:
    """Refuse a frame that is earlier than one counted before.

    Raises:
        ValueError: Naming ``where`` (video, frame).
    """
    if frame_id < frames.last:
        raise ValueError(f'{where} comes after frame {frames.last}: give the frames of a video in time order')


def split_video(video_id: str, mine: FrameSet, theirs: FrameSet) -> str:
    """What to say when two processes hold different parts of a video."""
    return (
        f'video {video_id!r}: frames were split over processes ({mine} and {theirs}), so windows '
        'across the border are lost; use a sampler that hands whole videos to a process'
    )


def window_scores(
    rules: PanopticRules, windows: Sequence[int], counts: np.ndarray, num_windows: np.ndarray
) -> dict[int, dict[str, Any]]:
    """Scores of every window size from counts (sizes, K, 4) and numbers of windows (sizes,)."""
    return {size: rules.scores(counts[row], int(num_windows[row])) for row, size in enumerate(windows)}
