"""Which predicted track finds which ground truth track: COCO's matching with several ranges and thresholds at once."""

from dataclasses import dataclass

import numpy as np

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
MAX_DETECTIONS = 100


@dataclass(frozen=True)
class TrackRange:
    """Ground truth outside a range is ignored; bounds are inclusive.

    Attributes:
        name: Suffix of the numbers, empty for all tracks.
        area: Mean area in pixels. Unmatched predictions outside it are ignored as well.
        occlusion: Occlusion score, None = any. Does not concern predictions.
    """

    name: str
    area: tuple[float, float] = (0, float('inf'))
    occlusion: tuple[float, float] | None = None


AREA_RANGES = (
    TrackRange(''),
    TrackRange('s', area=(0, 128**2)),
    TrackRange('m', area=(128**2, 256**2)),
    TrackRange('l', area=(256**2, float('inf'))),
)
OCCLUSION_RANGES = (
    TrackRange('_light', occlusion=(0, 0.25)),
    TrackRange('_medium', occlusion=(0.25, 0.5)),
    TrackRange('_heavy', occlusion=(0.5, 1)),
)


@dataclass
class ClassTracks:
    """Tracks of one class in one video: D predictions by descending score, G ground truth tracks in their given order.

    Attributes:
        scores: (D,) float64.
        pred_areas: (D,) mean areas.
        ious: (D, G) spatio-temporal IoU.
        gt_areas: (G,) mean areas.
        gt_occlusion: (G,) occlusion scores, NaN = unknown.
        crowd: (G,) bool.
        matchable: (G,) bool; False: a match with it does not count, but it is taken.
    """

    scores: np.ndarray
    pred_areas: np.ndarray
    ious: np.ndarray
    gt_areas: np.ndarray
    gt_occlusion: np.ndarray
    crowd: np.ndarray
    matchable: np.ndarray

    def ignored(self, ranges: tuple[TrackRange, ...]) -> np.ndarray:
        """Ground truth that is ignored in each of R ranges, (R, G) bool."""
        rows = []
        for x in ranges:
            inside = (self.gt_areas >= x.area[0]) & (self.gt_areas <= x.area[1])
            if x.occlusion is not None:
                inside &= (self.gt_occlusion >= x.occlusion[0]) & (self.gt_occlusion <= x.occlusion[1])
            rows.append(self.crowd | ~inside)
        return np.stack(rows)


@dataclass
class Matches:
    """Predictions of one class for R ranges and T IoU thresholds.

    Attributes:
        scores: (D,) float64.
        ranks: (D,) position within the predictions of the video.
        hits: (R, T, D) bool, true positives.
        misses: (R, T, D) bool, false positives; ignored predictions are neither.
        num_gt: (R,) ground truth tracks that are not ignored.
        best_ious: (G,) the highest IoU that any prediction has with each track that is not ignored in the first range,
            0 without predictions; a prediction may be the best of several.
    """

    scores: np.ndarray
    ranks: np.ndarray
    hits: np.ndarray
    misses: np.ndarray
    num_gt: np.ndarray
    best_ious: np.ndarray

    @classmethod
    def join(cls, parts: list['Matches']) -> 'Matches':
        """Several videos together, by descending score; equal scores keep the order of the parts."""
        scores = np.concatenate([x.scores for x in parts])
        order = np.argsort(-scores, kind='stable')
        return cls(
            scores[order],
            np.concatenate([x.ranks for x in parts])[order],
            np.concatenate([x.hits for x in parts], axis=-1)[..., order],
            np.concatenate([x.misses for x in parts], axis=-1)[..., order],
            np.sum([x.num_gt for x in parts], axis=0),
            np.concatenate([x.best_ious for x in parts]),
        )


def match_tracks(tracks: ClassTracks, ranges: tuple[TrackRange, ...]) -> Matches:
    """Match the tracks of one class in one video (``specs/evaluators.md`` section 7)."""
    ignored = tracks.ignored(ranges)
    found = _assign(tracks.ious, ignored, tracks.crowd)
    index = np.maximum(found, 0)
    matched = found >= 0
    if tracks.ious.shape[1]:
        excused = matched & ignored[np.arange(len(ranges))[:, None, None], index]
        matched &= tracks.matchable[index]
    else:
        excused = matched
    low, high = (np.array([x.area[i] for x in ranges])[:, None] for i in (0, 1))
    outside = (tracks.pred_areas < low) | (tracks.pred_areas > high)
    excused = excused | (~matched & outside[:, None])
    return Matches(
        tracks.scores,
        np.arange(len(tracks.scores)),
        matched & ~excused,
        ~matched & ~excused,
        (~ignored).sum(1),
        tracks.ious.max(axis=0, initial=0.0)[~ignored[0]],
    )


def _assign(ious: np.ndarray, ignored: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """Ground truth of every prediction, (R, T, D), -1 = none.

    Predictions choose one after the other: the best IoU among free tracks that reach the threshold, of equal ones the
    last; ignored tracks only if there is no other. Crowd is never used up.
    """
    num_pred, num_gt = ious.shape
    limits = np.minimum(IOU_THRESHOLDS, 1 - 1e-10)[:, None]
    found = np.full((len(ignored), len(limits), num_pred), -1)
    free = np.ones((len(ignored), len(limits), num_gt), bool)
    rest = ~crowd
    for i in np.flatnonzero((ious >= limits[0]).any(axis=1)):
        possible = free & (ious[i] >= limits)
        real = possible & ~ignored[:, None]
        possible = np.where(real.any(axis=-1, keepdims=True), real, possible)
        best = num_gt - 1 - np.argmax(np.where(possible, ious[i], -1)[..., ::-1], axis=-1)
        found[..., i] = np.where(possible.any(axis=-1), best, -1)
        free &= ~((found[..., i, None] == np.arange(num_gt)) & rest)
    return found
