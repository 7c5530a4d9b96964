"""J & F of video object segmentation (Perazzi et al., CVPR 2016; Pont-Tuset et al., The 2017 DAVIS Challenge)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from scipy.optimize import linear_sum_assignment

from videoseg.evaluation.functional.boundaries import Boundary, boundary_f, find_boundary
from videoseg.evaluation.functional.frame_set import FrameSet
from videoseg.evaluation.functional.joint_histogram import joint_histogram
from videoseg.evaluation.functional.video_statistics import VideoStatistics

MEASURES = ('mean', 'recall', 'decay')


@dataclass(frozen=True)
class FrameScores:
    """J and F of the objects of one frame. Where both of a pair are absent, J and F are 1.

    Attributes:
        gt_ids: (G,) objects in the ground truth map.
        pred_ids: (P,) objects in the prediction map.
        scores: (2, G, P) J and F of the pairs; 0 for pairs that are not looked at.
        gt_alone: (2, G) J and F of ground truth objects against nothing.
        pred_alone: (2, P) J and F of nothing against predicted objects.
    """

    gt_ids: np.ndarray
    pred_ids: np.ndarray
    scores: np.ndarray
    gt_alone: np.ndarray
    pred_alone: np.ndarray

    def pair(self, gt: int, pred: int) -> np.ndarray:
        """(2,) J and F of two objects that may be absent."""
        row, column = np.flatnonzero(self.gt_ids == gt), np.flatnonzero(self.pred_ids == pred)
        if row.size and column.size:
            return self.scores[:, row[0], column[0]]
        if row.size:
            return self.gt_alone[:, row[0]]
        return self.pred_alone[:, column[0]] if column.size else np.ones(2)


@dataclass
class JAndFVideo:
    """One video: a few numbers for each object and frame."""

    frames: FrameSet = field(default_factory=FrameSet)
    scores: dict[int, FrameScores] = field(default_factory=dict)


class JAndF(VideoStatistics[JAndFVideo]):
    """Region similarity J and boundary accuracy F (``specs/evaluators.md`` section 9; davis2017-evaluation).

    J is the IoU of an object in a frame, F the harmonic mean of boundary precision and recall within
    ``ceil(0.008 * diagonal)`` pixels. An object has the mean over its frames, the recall (share of frames above 0.5)
    and the decay (mean of the first quarter minus mean of the last one); the result is the mean over all objects of all
    videos. The first and the last frame of a video do not count; a video of two frames has no score.

    Args:
        matching: ``'id'``: a predicted object is the ground truth object of the same id (DAVIS semi-supervised).
            ``'best'``: the assignment with the best mean J&F over the video (DAVIS unsupervised); predictions left over
            cost nothing. Default ``'id'``.
        void_label: Ground truth id of void pixels. Default: there are none.
        void_pixels: ``'background'``: they are background (semi-supervised). ``'ignore'``: they do not count
            (unsupervised). Default ``'background'``.
        ends: ``'skip'`` the first and last frame of each video (DAVIS) or ``'keep'`` them. Default ``'skip'``.
        decay_bins: Limits of the quarters: ``'exact'``, or ``'uint8'``, which wraps around after 256 frames as the
            official code does. Default ``'exact'``.
        extra_ids: Predicted ids that the ground truth of the video lacks: ``'error'`` (as the official code), or
            ``'ignore'``. Not used with matching ``'best'``. Default ``'error'``.

    Raises:
        ValueError: If an option has an impossible value.
    """

    prefix = 'jf'
    names = ('J&F', 'J_mean', 'J_recall', 'J_decay', 'F_mean', 'F_recall', 'F_decay')

    def __init__(
        self,
        matching: Literal['id', 'best'] = 'id',
        void_label: int | None = None,
        void_pixels: Literal['background', 'ignore'] = 'background',
        ends: Literal['skip', 'keep'] = 'skip',
        decay_bins: Literal['exact', 'uint8'] = 'exact',
        extra_ids: Literal['error', 'ignore'] = 'error',
    ) -> None:
        super().__init__()
        for name, value, known in (
            ('matching', matching, ('id', 'best')),
            ('void_pixels', void_pixels, ('background', 'ignore')),
            ('ends', ends, ('skip', 'keep')),
            ('decay_bins', decay_bins, ('exact', 'uint8')),
            ('extra_ids', extra_ids, ('error', 'ignore')),
        ):
            if value not in known:
                raise ValueError(f'{name} is {value!r}, expected one of {", ".join(known)}')
        self.matching = matching
        self.void_label = void_label
        self.void_pixels = void_pixels
        self.ends = ends
        self.decay_bins = decay_bins
        self.extra_ids = extra_ids

    @property
    def protocol(self) -> dict[str, Any]:
        """Every option that decides a number."""
        return {
            'metric': 'JAndF',
            'matching': self.matching,
            'void_label': self.void_label,
            'void_pixels': self.void_pixels,
            'ends': self.ends,
            'decay_bins': self.decay_bins,
            'extra_ids': self.extra_ids,
        }

    def update(self, video_id: str, frame_id: int, gt: np.ndarray, pred: np.ndarray) -> bool:
        """Add a frame.

        Args:
            video_id: Name of the video.
            frame_id: Number of the frame; any order, but the lowest and highest of all are the ends of the video.
            gt: (H, W) integer object ids, 0 = background.
            pred: (H, W) integer object ids, 0 = background.

        Returns:
            Whether the frame is new; one that was counted before is ignored.

        Raises:
            ValueError: If the maps differ in size or an id is negative.
        """
        video = self.videos.setdefault(video_id, JAndFVideo())
        if frame_id in video.frames:
            return False
        gt, pred = np.asarray(gt), np.asarray(pred)
        if gt.shape != pred.shape or gt.ndim != 2:
            raise ValueError(
                f'video {video_id!r}, frame {frame_id}: ground truth is {gt.shape}, prediction {pred.shape}; expected '
                'two maps (H, W) of one size'
            )
        try:
            video.scores[frame_id] = self._score(gt, pred)
        except ValueError as error:
            raise ValueError(f'video {video_id!r}, frame {frame_id}: {error}') from error
        video.frames.add(frame_id)
        return True

    def compute(self) -> dict[str, Any]:
        """The numbers.

        Returns:
            As in the base class; ``per_video`` also has ``num_objects`` and ``per_object``: object id -> the numbers
            but ``J&F``. Decay may be negative. ``per_class`` is empty: there are no classes.

        Raises:
            ValueError: If predictions have ids that the ground truth lacks and ``extra_ids='error'``.
        """
        per_video, everything = {}, []
        for video_id, video in sorted(self.videos.items()):
            objects = self._video(video_id, video)
            everything += objects.values()
            per_video[video_id] = {
                **_mean(list(objects.values())),
                'num_frames': len(video.frames),
                'num_objects': len(objects),
                'per_object': objects,
            }
        return {
            **_mean(everything),
            'num_frames': sum(len(x.frames) for x in self.videos.values()),
            'per_class': {},
            'per_video': per_video,
            'protocol': self.protocol,
        }

    def _join(self, video_id: str, mine: JAndFVideo, theirs: JAndFVideo) -> JAndFVideo:
        return JAndFVideo(mine.frames.union(theirs.frames), {**mine.scores, **theirs.scores})

    def _score(self, gt: np.ndarray, pred: np.ndarray) -> FrameScores:
        """J and F of all pairs that may matter."""
        if self.void_label is not None:
            void = gt == self.void_label
            gt = np.where(void, 0, gt)
            if self.void_pixels == 'ignore':
                pred = np.where(void, 0, pred)
        histogram = joint_histogram(gt, pred)
        if min(histogram.gt_ids.min(), histogram.pred_ids.min()) < 0:
            raise ValueError('object ids are negative; 0 is background')
        (gt_ids, gt_areas), (pred_ids, pred_areas) = (
            (ids[ids > 0], areas[ids > 0]) for ids, areas in (histogram.gt_areas(), histogram.pred_areas())
        )
        shared = np.zeros((len(gt_ids), len(pred_ids)))
        pairs = histogram.select((histogram.gt_ids > 0) & (histogram.pred_ids > 0))
        shared[np.searchsorted(gt_ids, pairs.gt_ids), np.searchsorted(pred_ids, pairs.pred_ids)] = pairs.counts
        scores = np.zeros((2, *shared.shape))
        scores[0] = shared / np.maximum(gt_areas[:, None] + pred_areas - shared, 1)
        radius = math.ceil(0.008 * math.hypot(*gt.shape))
        gt_edges = [find_boundary(gt == x, radius) for x in gt_ids]
        pred_edges = [find_boundary(pred == x, radius) for x in pred_ids]
        for row, column in np.ndindex(shared.shape):
            if self.matching == 'best' or gt_ids[row] == pred_ids[column]:
                scores[1, row, column] = boundary_f(gt_edges[row], pred_edges[column])
        return FrameScores(gt_ids, pred_ids, scores, _alone(gt_edges), _alone(pred_edges))

    def _video(self, video_id: str, video: JAndFVideo) -> dict[int, dict[str, float]]:
        """Object -> its numbers."""
        times = sorted(video.scores)
        frames = [video.scores[x] for x in (times[1:-1] if self.ends == 'skip' else times)]
        gt_ids, pred_ids = (
            sorted({int(x) for frame in video.scores.values() for x in getattr(frame, name)})
            for name in ('gt_ids', 'pred_ids')
        )
        if self.matching == 'id':
            extra = [x for x in pred_ids if x not in gt_ids]
            if extra and self.extra_ids == 'error':
                raise ValueError(
                    f'video {video_id!r}: predicted objects {extra[:5]} are not in its ground truth, which has '
                    f"{gt_ids}; ids must be those of the ground truth, or set extra_ids='ignore' or matching='best'"
                )
            partner = {x: x for x in gt_ids}
        else:
            partner = _assign(frames, gt_ids, pred_ids)
        found = {}
        for x in gt_ids:
            values = np.array([frame.pair(x, partner.get(x, -1)) for frame in frames]).reshape(-1, 2).T
            found[x] = {
                f'{name}_{measure}': number
                for name, row in zip('JF', values, strict=True)
                for measure, number in zip(MEASURES, self._measures(row), strict=True)
            }
        return found

    def _measures(self, values: np.ndarray) -> tuple[float, float, float]:
        """Mean, recall and decay of the values of an object over time; NaN without frames."""
        if not len(values):
            return math.nan, math.nan, math.nan
        limits = np.round(np.linspace(1, len(values), 5) + 1e-10).astype(np.int64) - 1
        if self.decay_bins == 'uint8':
            limits = limits.astype(np.uint8).astype(np.int64)
        first, last = values[limits[0] : limits[1] + 1], values[limits[3] : limits[4] + 1]
        decay = float(first.mean() - last.mean()) if len(first) and len(last) else math.nan
        return float(values.mean()), float((values > 0.5).mean()), decay


def _alone(edges: Sequence[Boundary]) -> np.ndarray:
    """J and F of objects against nothing: 0, but F is 1 for one without boundary, as it fills the image."""
    return np.array([[0.0 for _ in edges], [float(not x.length) for x in edges]]).reshape(2, -1)


def _assign(frames: Sequence[FrameScores], gt_ids: list[int], pred_ids: list[int]) -> dict[int, int]:
    """Ground truth object -> predicted one, so that the sum of their mean J&F is largest."""
    quality = np.array([[sum(frame.pair(x, y).sum() for frame in frames) for y in pred_ids] for x in gt_ids])
    if not quality.size:
        return {}
    rows, columns = linear_sum_assignment(-quality)
    return {gt_ids[row]: pred_ids[column] for row, column in zip(rows, columns, strict=True)}


def _mean(objects: list[dict[str, float]]) -> dict[str, float]:
    """Mean over objects that have frames, NaN without any."""
    result = {}
    for name in JAndF.names[1:]:
        values = [x[name] for x in objects if not math.isnan(x[name])]
        result[name] = float(np.mean(values)) if values else math.nan
    return {'J&F': (result['J_mean'] + result['F_mean']) / 2, **result}
