"""Depth-aware video panoptic quality (Qiao et al., ViP-DeepLab, CVPR 2021)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from videoseg.evaluation.functional.frame_set import FrameSet
from videoseg.evaluation.functional.joint_histogram import JointHistogram, level_histograms
from videoseg.evaluation.functional.panoptic_rules import GROUPS, PanopticRules, class_mean, group_name, mean_over
from videoseg.evaluation.functional.video_statistics import VideoStatistics
from videoseg.evaluation.functional.vpq import VPQVideo, check_order, check_windows, split_video, window_scores
from videoseg.structures.ids import DIVISOR, VOID_LABEL

Scores = dict[float, dict[int, dict[str, Any]]]


@dataclass
class DVPQVideo:
    """One video: the statistics of VPQ once for every depth threshold, infinity last."""

    parts: list[VPQVideo]
    frames: FrameSet = field(default_factory=FrameSet)


class DVPQ(VideoStatistics[DVPQVideo]):
    """VPQ after predicted pixels with a wrong depth have become void (``specs/evaluators.md`` section 4).

    A pixel with known depth counts as predicted void if ``|predicted - true| / true > lambda``; the ground truth
    stays. The threshold infinity, plain VPQ, is computed along; it is not part of the mean. Predicted depth that is
    not a number is wrong at every other threshold.

    Args:
        num_classes: K; labels are 0 ... K - 1.
        things: Labels of the thing classes.
        windows: Window sizes k in frames. Default 1, 2, 3, 4 (Cityscapes-DVPS; 1, 5, 10, 20 on SemKITTI-DVPS).
        depth_thresholds: Relative depth errors lambda. Default 0.5, 0.25, 0.1.
        rules: ``'label_divisor'`` (all published scripts): there is no crowd, and only void with instance 0 leaves the
            union; or ``'json'``, see :class:`VPQ`. Default ``'label_divisor'``.
        class_average: ``'present'``: classes with a match or a miss; ``'all'``: every class, an absent one counts 0
            (Video-K-Net's script). Default ``'present'``.
        ignore_label: Class of void pixels in both maps. Default 255; Cityscapes-DVPS has 32.
        min_overlap: IoU above which tubes match, at least 0.5. Default 0.5.
        divisor: Ids are ``label * divisor + instance``. Default that of :mod:`videoseg.structures.ids`.

    Raises:
        ValueError: If an option has an impossible value.
    """

    prefix = 'dvpq'

    def __init__(
        self,
        num_classes: int,
        things: Sequence[int],
        windows: Sequence[int] = (1, 2, 3, 4),
        depth_thresholds: Sequence[float] = (0.5, 0.25, 0.1),
        rules: Literal['json', 'label_divisor'] = 'label_divisor',
        class_average: Literal['present', 'all'] = 'present',
        ignore_label: int = VOID_LABEL,
        min_overlap: float = 0.5,
        divisor: int = DIVISOR,
    ) -> None:
        super().__init__()
        self.rules = PanopticRules(
            num_classes, tuple(things), rules, class_average, ignore_label, min_overlap, divisor=divisor
        )
        self.windows = check_windows(windows)
        thresholds = tuple(float(x) for x in depth_thresholds)
        if not thresholds or len(set(thresholds)) != len(thresholds) or not all(0 < x < np.inf for x in thresholds):
            raise ValueError(
                f'depth_thresholds is {thresholds}, expected distinct finite numbers above 0; infinity is always there'
            )
        self.depth_thresholds = tuple(sorted(thresholds, reverse=True))

    @property
    def protocol(self) -> dict[str, Any]:
        """Every option that decides a number."""
        rules = {key: value for key, value in self.rules.protocol.items() if key != 'last_crowd_only'}
        return {
            'metric': 'DVPQ',
            'windows': list(self.windows),
            'depth_thresholds': list(self.depth_thresholds),
            **rules,
        }

    @property
    def names(self) -> tuple[str, ...]:
        """``DVPQ``, ``DVPQ_thing``, ``DVPQ_stuff``, ``DVPQ@<lambda>``, ``DVPQ_<k>@<lambda>``, with infinity."""
        return (
            *(group_name('DVPQ', group) for group in GROUPS),
            *(f'DVPQ@{threshold:g}' for threshold in self._all_thresholds),
            *(f'DVPQ_{k}@{threshold:g}' for k, threshold in product(self.windows, self._all_thresholds)),
        )

    @property
    def _all_thresholds(self) -> tuple[float, ...]:
        return *self.depth_thresholds, float('inf')

    def update(
        self,
        video_id: str,
        frame_id: int,
        gt_ids: ArrayLike,
        pred_ids: ArrayLike,
        gt_depth: ArrayLike,
        pred_depth: ArrayLike,
    ) -> bool:
        """Add the next frame of a video.

        Args:
            video_id: Name of the video.
            frame_id: Number of the frame; rising, gaps are allowed (sparse labels).
            gt_ids: (H, W) panoptic ids ``label * divisor + instance``.
            pred_ids: (H, W) predicted panoptic ids.
            gt_depth: (H, W) depth of any unit and type, 0 = unknown.
            pred_depth: (H, W) predicted depth in the same unit; of any type: unsigned integers do not wrap.

        Returns:
            Whether the frame is new; one that was counted before is ignored.

        Raises:
            ValueError: If a frame comes late, shapes differ, or a class does not exist.
            TypeError: If ids are not integers.
        """
        video = self.videos.get(video_id)
        if video is not None and frame_id in video.frames:
            return False
        where = f'video {video_id!r}, frame {frame_id}'
        if video is not None:
            check_order(frame_id, video.frames, where)
        try:
            histograms = self._histograms(gt_ids, pred_ids, gt_depth, pred_depth)
        except (ValueError, TypeError) as error:
            raise type(error)(f'{where}: {error}') from error
        frames = [self.rules.frame(histogram, None, None, where) for histogram in histograms]
        if video is None:
            parts = [VPQVideo.empty(self.windows, self.rules.num_classes) for _ in frames]
            video = self.videos[video_id] = DVPQVideo(parts)
        video.frames.add(frame_id)
        for part, frame in zip(video.parts, frames, strict=True):
            part.add(frame, self.rules)
        return True

    def _histograms(
        self, gt_ids: ArrayLike, pred_ids: ArrayLike, gt_depth: ArrayLike, pred_depth: ArrayLike
    ) -> list[JointHistogram]:
        """Joint histogram for every threshold, infinity last."""
        gt_depth, pred_depth = np.asarray(gt_depth), np.asarray(pred_depth)
        shapes = np.shape(gt_ids), np.shape(pred_ids), gt_depth.shape, pred_depth.shape
        if len(set(shapes)) != 1:
            raise ValueError(
                'ids and depth of ground truth and prediction differ in shape: {} and {}, depth {} and {}; resize '
                'predictions by nearest neighbour'.format(*shapes)
            )
        # A level is the number of thresholds that a pixel misses: those are the smallest ones.
        levels = np.zeros(gt_depth.shape, np.uint8)
        true = gt_depth.astype(np.float64)
        with np.errstate(divide='ignore', invalid='ignore', over='ignore'):
            error = np.abs(pred_depth - true) / true
        for threshold in self.depth_thresholds:
            levels += ~(error <= threshold)
        levels[~(gt_depth > 0)] = 0  # unknown depth is no error
        parts = level_histograms(gt_ids, pred_ids, levels, len(self.depth_thresholds) + 1)
        void = self.rules.ignore_label * self.rules.divisor
        missed = [part.relabel(part.gt_ids, np.full(len(part), void)) for part in parts]
        # The largest threshold is missed by the highest level only, the smallest by all but level 0.
        passed = [*range(len(parts) - 1, 0, -1), len(parts)]
        return [JointHistogram.sum([*parts[:x], *missed[x:]]) for x in passed]

    def _join(self, video_id: str, mine: DVPQVideo, theirs: DVPQVideo) -> DVPQVideo:
        raise ValueError(split_video(video_id, mine.frames, theirs.frames))

    def compute(self) -> dict[str, Any]:
        """The numbers.

        Returns:
            ``DVPQ``, ``DVPQ_thing``, ``DVPQ_stuff`` in [0, 1]: means over window sizes and thresholds without infinity,
            as far as there is a number; ``DVPQ@<lambda>``: means over window sizes; ``DVPQ_<k>@<lambda>``; lambda
            ``inf`` is plain VPQ. ``per_class`` with the columns ``DVPQ`` and ``DVPQ@<lambda>``; ``per_threshold``
            lambda -> size -> what :meth:`VPQ.compute` has in ``per_window``; ``per_video`` video -> the same names and
            ``num_frames``; ``num_frames``; ``protocol``.
        """
        shape = (len(self.depth_thresholds) + 1, len(self.windows))
        counts, num_windows = np.zeros((*shape, self.rules.num_classes, 4)), np.zeros(shape, np.int64)
        per_video = {}
        for video_id, video in sorted(self.videos.items()):
            video_counts, video_windows = (
                np.stack([getattr(part, name) for part in video.parts]) for name in ('counts', 'num_windows')
            )
            counts += video_counts
            num_windows += video_windows
            numbers = self._numbers(self._scores(video_counts, video_windows))
            per_video[video_id] = {**numbers, 'num_frames': len(video.frames)}
        scores = self._scores(counts, num_windows)
        columns = {f'DVPQ@{x:g}': class_mean(list(scores[x].values())) for x in scores}
        return {
            **self._numbers(scores),
            'num_frames': sum(len(v.frames) for v in self.videos.values()),
            'per_class': {'DVPQ': class_mean(self._averaged(scores)), **columns},
            'per_threshold': scores,
            'per_video': per_video,
            'protocol': self.protocol,
        }

    def _scores(self, counts: np.ndarray, num_windows: np.ndarray) -> Scores:
        """Scores of every threshold and window size."""
        return {
            threshold: window_scores(self.rules, self.windows, counts[row], num_windows[row])
            for row, threshold in enumerate(self._all_thresholds)
        }

    def _averaged(self, scores: Scores) -> list[dict[str, Any]]:
        """The scores that make up DVPQ: infinity is not among them."""
        return [scores[x][size] for x in self.depth_thresholds for size in self.windows]

    def _numbers(self, scores: Scores) -> dict[str, float]:
        """Everything in :attr:`names`."""
        numbers = mean_over('DVPQ', self._averaged(scores))
        for threshold, per_window in scores.items():
            numbers[f'DVPQ@{threshold:g}'] = mean_over('DVPQ', list(per_window.values()))['DVPQ']
            numbers |= {f'DVPQ_{size}@{threshold:g}': x['all']['PQ'] for size, x in per_window.items()}
        return numbers
