"""Errors of predicted depth, as monocular depth estimation reports them (Uhrig et al., KITTI depth, 3DV 2017)."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from videoseg.evaluation.functional.frame_set import FrameSet
from videoseg.evaluation.functional.video_statistics import VideoStatistics, overlapping_frames


@dataclass
class DepthErrorsVideo:
    """One video: errors summed over the frames that have ground truth depth."""

    sums: np.ndarray
    num_images: int = 0
    frames: FrameSet = field(default_factory=FrameSet)


class DepthErrors(VideoStatistics[DepthErrorsVideo]):
    """Depth errors: the mean over an image's pixels, then over images (``specs/evaluators.md`` section 6; deeplab2).

    With true depth d and predicted depth p, over pixels with d > 0:
    ``abs_rel`` = mean |p - d| / d; ``SqErrorRel`` = mean ((p - d) / d)^2; ``SILog`` = the standard deviation of
    log p - log d, which papers print times 100; ``inlier`` = share of pixels with max(p / d, d / p) below
    ``inlier_factor``. The first three are errors: smaller is better. None depends on the unit.

    Args:
        inlier_factor: Above 1. Default 1.25.
        min_ratio: Predictions below this share of the true depth, 0 or negative ones among them, count as this share in
            ``SILog``, whose logarithm needs positive numbers. Default 0.001.

    Raises:
        ValueError: If an option has an impossible value.
    """

    prefix = 'depth'
    names = ('abs_rel', 'SILog', 'SqErrorRel', 'inlier')

    def __init__(self, inlier_factor: float = 1.25, min_ratio: float = 1e-3) -> None:
        super().__init__()
        if not inlier_factor > 1:
            raise ValueError(f'inlier_factor is {inlier_factor}, expected a factor above 1')
        if not 0 < min_ratio < 1:
            raise ValueError(f'min_ratio is {min_ratio}, expected a share above 0 and below 1')
        self.inlier_factor = inlier_factor
        self.min_ratio = min_ratio

    @property
    def protocol(self) -> dict[str, Any]:
        """Every option that decides a number."""
        return {'metric': 'depth', 'inlier_factor': self.inlier_factor, 'min_ratio': self.min_ratio}

    def update(self, video_id: str, frame_id: int, gt: ArrayLike, pred: ArrayLike) -> bool:
        """Add a frame.

        Args:
            video_id: Name of the video.
            frame_id: Number of the frame; any order.
            gt: Depth of any unit and type, 0 = unknown. A frame without any known depth is left out of the means.
            pred: Depth of the same shape and unit.

        Returns:
            Whether the frame is new; one that was counted before is ignored.

        Raises:
            ValueError: If the shapes differ, or a prediction is not finite where depth is known.
        """
        video = self.videos.get(video_id)
        if video is not None and frame_id in video.frames:
            return False
        gt, pred = np.asarray(gt), np.asarray(pred)
        where = f'video {video_id!r}, frame {frame_id}'
        if gt.shape != pred.shape:
            raise ValueError(
                f'{where}: depth of ground truth {gt.shape} and prediction {pred.shape} differ in shape; resize the '
                'prediction by nearest neighbour'
            )
        known = gt > 0
        ratio = pred[known].astype(np.float64) / gt[known].astype(np.float64)
        if not np.isfinite(ratio).all():
            raise ValueError(f'{where}: predicted or true depth is not finite')
        if video is None:
            video = self.videos[video_id] = DepthErrorsVideo(np.zeros(len(self.names)))
        video.frames.add(frame_id)
        if len(ratio):
            video.sums += self._errors(ratio)
            video.num_images += 1
        return True

    def _errors(self, ratio: np.ndarray) -> np.ndarray:
        """The numbers of one image in the order of ``names``, from predicted depth / true depth (n,)."""
        error = ratio - 1
        is_inlier = (ratio < self.inlier_factor) & (ratio > 1 / self.inlier_factor)
        return np.array(
            [
                np.abs(error).mean(),
                np.log(np.maximum(ratio, self.min_ratio)).std(),
                np.square(error).mean(),
                is_inlier.mean(),
            ]
        )

    def _join(self, video_id: str, mine: DepthErrorsVideo, theirs: DepthErrorsVideo) -> DepthErrorsVideo:
        if not mine.frames.isdisjoint(theirs.frames):
            raise ValueError(overlapping_frames(video_id, mine.frames, theirs.frames))
        return DepthErrorsVideo(
            mine.sums + theirs.sums, mine.num_images + theirs.num_images, mine.frames.union(theirs.frames)
        )

    def compute(self) -> dict[str, Any]:
        """The numbers.

        Returns:
            ``abs_rel``, ``SILog``, ``SqErrorRel``, ``inlier``: means over images with ground truth (NaN without any);
            ``num_frames``, ``num_images`` (those with ground truth); ``per_video`` with the same; ``per_class``, empty;
            ``protocol``.
        """
        videos = sorted(self.videos.items())
        sums = sum((video.sums for _, video in videos), np.zeros(len(self.names)))
        frames, images = sum(len(video.frames) for _, video in videos), sum(video.num_images for _, video in videos)
        return {
            **self._means(sums, images, frames),
            'per_class': {},
            'per_video': {x: self._means(video.sums, video.num_images, len(video.frames)) for x, video in videos},
            'protocol': self.protocol,
        }

    def _means(self, sums: np.ndarray, num_images: int, num_frames: int) -> dict[str, Any]:
        means = sums / num_images if num_images else np.full(len(sums), np.nan)
        numbers = dict(zip(self.names, means.tolist(), strict=True))
        return {**numbers, 'num_frames': num_frames, 'num_images': num_images}
