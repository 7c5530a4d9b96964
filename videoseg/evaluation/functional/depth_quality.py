"""Depth quality and DSTQ (Qiao et al., ViP-DeepLab, CVPR 2021)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from videoseg.evaluation.functional.frame_set import FrameSet
from videoseg.evaluation.functional.video_statistics import VideoStatistics, overlapping_frames


@dataclass
class DepthVideo:
    """One video: pixels with ground truth, and how many of them are within each threshold."""

    num_inliers: np.ndarray
    num_pixels: int = 0
    frames: FrameSet = field(default_factory=FrameSet)


class DepthQuality(VideoStatistics[DepthVideo]):
    """Share of pixels whose predicted depth is within a factor of the ground truth (``specs/evaluators.md`` 6).

    Args:
        thresholds: Factors t: a pixel counts if ``max(pred / gt, gt / pred) <= t``. Default 1.25, 1.1 (deeplab2).

    Raises:
        ValueError: If a threshold is not above 1.
    """

    prefix = 'dq'

    def __init__(self, thresholds: Sequence[float] = (1.25, 1.1)) -> None:
        super().__init__()
        if not thresholds or min(thresholds) <= 1:
            raise ValueError(f'thresholds is {tuple(thresholds)}, expected factors above 1')
        self.thresholds = tuple(thresholds)

    @property
    def protocol(self) -> dict[str, Any]:
        """Every option that decides a number."""
        return {'metric': 'DQ', 'thresholds': list(self.thresholds)}

    @property
    def names(self) -> tuple[str, ...]:
        """``DQ`` and ``DQ@<t>`` of every threshold."""
        return 'DQ', *(f'DQ@{t:g}' for t in self.thresholds)

    def update(self, video_id: str, frame_id: int, gt: ArrayLike, pred: ArrayLike) -> bool:
        """Add a frame.

        Args:
            video_id: Name of the video.
            frame_id: Number of the frame; any order.
            gt: Depth of any unit and type, 0 = unknown.
            pred: Depth of the same shape and unit; 0 or less is an outlier.

        Returns:
            Whether the frame is new; one that was counted before is ignored.

        Raises:
            ValueError: If the shapes differ.
        """
        gt, pred = np.asarray(gt, np.float64), np.asarray(pred, np.float64)
        if gt.shape != pred.shape:
            raise ValueError(
                f'video {video_id!r}, frame {frame_id}: depth of ground truth {gt.shape} and prediction {pred.shape} '
                'differ in shape; resize the prediction by nearest neighbour'
            )
        video = self.videos.setdefault(video_id, DepthVideo(np.zeros(len(self.thresholds), np.int64)))
        if not video.frames.add(frame_id):
            return False
        known = gt > 0
        gt, pred = gt[known], pred[known]
        ratio = np.full(len(gt), np.inf)
        positive = pred > 0
        ratio[positive] = np.maximum(pred[positive] / gt[positive], gt[positive] / pred[positive])
        video.num_inliers += [np.count_nonzero(ratio <= t) for t in self.thresholds]
        video.num_pixels += len(gt)
        return True

    def _join(self, video_id: str, mine: DepthVideo, theirs: DepthVideo) -> DepthVideo:
        if not mine.frames.isdisjoint(theirs.frames):
            raise ValueError(overlapping_frames(video_id, mine.frames, theirs.frames))
        return DepthVideo(
            mine.num_inliers + theirs.num_inliers,
            mine.num_pixels + theirs.num_pixels,
            mine.frames.union(theirs.frames),
        )

    def compute(self) -> dict[str, Any]:
        """The numbers.

        Returns:
            ``DQ@<t>`` for every threshold and their geometric mean ``DQ``, over all pixels of the data set (0 without
            ground truth); ``num_frames``; ``per_video`` with the same; ``per_class``, empty; ``protocol``.
        """
        videos = self.videos.values()
        total = sum((v.num_inliers for v in videos), np.zeros(len(self.thresholds), np.int64))
        return {
            **self._scores(total, sum(v.num_pixels for v in videos)),
            'num_frames': sum(len(v.frames) for v in videos),
            'per_class': {},
            'per_video': {
                x: {**self._scores(v.num_inliers, v.num_pixels), 'num_frames': len(v.frames)}
                for x, v in sorted(self.videos.items())
            },
            'protocol': self.protocol,
        }

    def _scores(self, num_inliers: np.ndarray, num_pixels: int) -> dict[str, float]:
        shares = num_inliers / num_pixels if num_pixels else np.zeros(len(self.thresholds))
        scores = {f'DQ@{t:g}': float(share) for t, share in zip(self.thresholds, shares, strict=True)}
        return {'DQ': float(np.prod(shares) ** (1 / len(shares))), **scores}


def dstq(stq: Mapping[str, Any], depth: Mapping[str, Any]) -> dict[str, Any]:
    """Join STQ and depth quality: ``DSTQ = (STQ^2 * DQ)^(1/3)``.

    Args:
        stq: What :meth:`STQ.compute` returned.
        depth: What :meth:`DepthQuality.compute` returned for the same videos.

    Returns:
        ``DSTQ`` and ``DSTQ@<t>``, over the data set and in ``per_video``; ``num_frames``; ``per_class``, empty;
        ``protocol`` of both. Its prefix in flat results is ``dstq``.

    Raises:
        ValueError: If the videos differ.
    """
    if set(stq['per_video']) != set(depth['per_video']):
        raise ValueError('STQ and depth quality were computed on different videos')

    def join(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, float]:
        return {f'DST{k[1:]}': float((a['STQ'] ** 2 * v) ** (1 / 3)) for k, v in b.items() if k.startswith('DQ')}

    return {
        **join(stq, depth),
        'num_frames': depth['num_frames'],
        'per_class': {},
        'per_video': {
            x: {**join(stq['per_video'][x], depth['per_video'][x]), 'num_frames': depth['per_video'][x]['num_frames']}
            for x in stq['per_video']
        },
        'protocol': {'STQ': stq['protocol'], 'DQ': depth['protocol']},
    }
