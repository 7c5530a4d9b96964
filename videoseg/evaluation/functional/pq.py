"""Panoptic quality of images (Kirillov et al., Panoptic Segmentation, CVPR 2019)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from videoseg.evaluation.functional.frame_set import FrameSet
from videoseg.evaluation.functional.joint_histogram import JointHistogram
from videoseg.evaluation.functional.panoptic_rules import GROUPS, PanopticRules, SegmentsInfo, mean_over
from videoseg.evaluation.functional.tube_windows import TubeWindows
from videoseg.evaluation.functional.video_statistics import VideoStatistics, overlapping_frames
from videoseg.structures.ids import DIVISOR, VOID_LABEL


@dataclass
class PQVideo:
    """One video, or one image.

    Attributes:
        counts: (K, 4) sum of IoU, true positives, false positives, false negatives.
        frames: Frames counted.
    """

    counts: np.ndarray
    frames: FrameSet = field(default_factory=FrameSet)


class PQ(VideoStatistics[PQVideo]):
    """PQ, SQ and RQ: every frame is an image of its own (``specs/evaluators.md`` section 2; panopticapi).

    The same matching as VPQ with windows of one frame. Frames may come in any order, and a video may be split over
    processes.

    Args:
        num_classes: K; labels are 0 ... K - 1.
        things: Labels of the thing classes.
        class_average: ``'present'``: classes with a match or a miss; ``'all'``: every class, an absent one counts 0.
            Default ``'present'``.
        ignore_label: Class of void pixels in maps of panoptic ids. Default 255.
        min_overlap: IoU above which segments match, at least 0.5. Default 0.5.
        last_crowd_only: With several crowd segments of a class in an image, only the last excuses predictions, as in
            panopticapi. Default False: all of them do.
        divisor: Ids are ``label * divisor + instance``. Default that of :mod:`videoseg.structures.ids`.

    Raises:
        ValueError: If an option has an impossible value.
    """

    prefix = 'pq'
    names = ('PQ', 'SQ', 'RQ', 'PQ_thing', 'PQ_stuff')

    def __init__(
        self,
        num_classes: int,
        things: Sequence[int],
        class_average: Literal['present', 'all'] = 'present',
        ignore_label: int = VOID_LABEL,
        min_overlap: float = 0.5,
        last_crowd_only: bool = False,
        divisor: int = DIVISOR,
    ) -> None:
        super().__init__()
        self.rules = PanopticRules(
            num_classes, tuple(things), 'json', class_average, ignore_label, min_overlap, last_crowd_only, divisor
        )

    @property
    def protocol(self) -> dict[str, Any]:
        """Every option that decides a number."""
        return {'metric': 'PQ', **self.rules.protocol}

    def update(
        self,
        video_id: str,
        frame_id: int,
        histogram: JointHistogram,
        gt_segments: SegmentsInfo | None = None,
        pred_segments: SegmentsInfo | None = None,
    ) -> bool:
        """Add an image.

        Args:
            video_id: Name of the video, or of the image.
            frame_id: Number of the frame, any order; 0 for images.
            histogram: Joint histogram of the ids.
            gt_segments: The image's ``segments_info`` if ids are those of a COCO panoptic json (0 = void, classes
                and areas from there); None for panoptic ids ``label * divisor + instance``. Both or neither.
            pred_segments: The same of the prediction. Predicted areas are always counted.

        Returns:
            Whether the frame is new; one that was counted before is ignored.

        Raises:
            ValueError: If a class does not exist, or map and json disagree.
        """
        video = self.videos.get(video_id)
        if video is not None and frame_id in video.frames:
            return False
        frame = self.rules.frame(histogram, gt_segments, pred_segments, f'video {video_id!r}, frame {frame_id}')
        _, tubes = TubeWindows((1,)).push(frame)
        counts = self.rules.match(tubes)[0]
        if video is None:
            video = self.videos[video_id] = PQVideo(np.zeros_like(counts))
        video.frames.add(frame_id)
        video.counts += counts
        return True

    def _join(self, video_id: str, mine: PQVideo, theirs: PQVideo) -> PQVideo:
        if not mine.frames.isdisjoint(theirs.frames):
            raise ValueError(overlapping_frames(video_id, mine.frames, theirs.frames))
        return PQVideo(mine.counts + theirs.counts, mine.frames.union(theirs.frames))

    def compute(self) -> dict[str, Any]:
        """The numbers.

        Returns:
            ``PQ, SQ, RQ, PQ_thing, PQ_stuff`` in [0, 1] (NaN without a class); ``groups``: ``all``, ``thing``,
            ``stuff`` with ``PQ, SQ, RQ, num_classes``; ``per_class`` with ``PQ, SQ, RQ, IoU_sum, TP, FP, FN`` of length
            K; ``per_video`` video -> the same names and ``num_frames``; ``num_frames``; ``protocol``.
        """
        total = np.zeros((self.rules.num_classes, 4))
        per_video = {}
        for video_id, video in sorted(self.videos.items()):
            total += video.counts
            scores = self.rules.scores(video.counts, len(video.frames))
            per_video[video_id] = {**self._numbers(scores), 'num_frames': len(video.frames)}
        num_frames = sum(len(video.frames) for video in self.videos.values())
        scores = self.rules.scores(total, num_frames)
        return {
            **self._numbers(scores),
            'num_frames': num_frames,
            'groups': {group: scores[group] for group in GROUPS},
            'per_class': scores['per_class'],
            'per_video': per_video,
            'protocol': self.protocol,
        }

    def _numbers(self, scores: dict[str, Any]) -> dict[str, float]:
        """Everything in :attr:`names`."""
        return {**mean_over('PQ', [scores]), 'SQ': scores['all']['SQ'], 'RQ': scores['all']['RQ']}
