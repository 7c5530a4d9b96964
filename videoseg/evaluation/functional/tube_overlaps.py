"""Areas and intersections of the tracks of a video, added up frame by frame."""

import numpy as np

from videoseg.evaluation.functional.frame_masks import FrameMasks
from videoseg.structures.rle import areas, intersections


class TubeOverlaps:
    """Pixel counts of ground truth and predicted tracks; grows with the number of tracks, not of frames.

    Attributes:
        gt: Areas of the ground truth tracks.
        pred: Areas of the predicted tracks.
        shared: (rows, columns) int64 pixels that a ground truth track (row) and a predicted one (column) share; at
            least as large as the numbers of tracks.
    """

    def __init__(self) -> None:
        self.gt = _TubeAreas()
        self.pred = _TubeAreas()
        self.shared = np.zeros((4, 16), np.int64)

    def add(self, gt: FrameMasks, pred: FrameMasks) -> None:
        """Add a frame.

        Raises:
            ValueError: If masks differ in size.
        """
        gt_areas = areas(gt.rles) if gt.areas is None else np.asarray(gt.areas, np.int64)
        pred_areas = areas(pred.rles) if pred.areas is None else np.asarray(pred.areas, np.int64)
        shared = intersections(gt.rles, gt_areas, pred.rles)
        rows, columns = self.gt.add(gt.ids, gt_areas), self.pred.add(pred.ids, pred_areas)
        need = (len(self.gt.index), len(self.pred.index))
        if need[0] > self.shared.shape[0] or need[1] > self.shared.shape[1]:
            old = self.shared
            self.shared = np.zeros(
                [max(a, 2 * b) if b > a else a for a, b in zip(old.shape, need, strict=True)], np.int64
            )
            self.shared[: old.shape[0], : old.shape[1]] = old
        if shared.size:
            self.shared[np.array(rows)[:, None], columns] += shared

    def ious(self, gt_ids: list[int], pred_ids: list[int]) -> np.ndarray:
        """Spatio-temporal IoU, (len(pred_ids), len(gt_ids)) float64; 0 where both tracks are empty."""
        rows, columns = self.gt.rows(gt_ids), self.pred.rows(pred_ids)
        seen = (columns >= 0)[:, None] & (rows >= 0)
        shared = np.where(seen, self.shared[rows[:, None], columns].T, 0)
        union = self.pred.total(pred_ids)[:, None] + self.gt.total(gt_ids) - shared
        return shared / np.maximum(union, 1)


class _TubeAreas:
    """Areas of tracks.

    Attributes:
        index: Track id -> position, in the order of appearance.
    """

    def __init__(self) -> None:
        self.index: dict[int, int] = {}
        self._pixels = np.zeros(16, np.int64)
        self._frames = np.zeros(16, np.int64)

    def add(self, ids: list[int], pixels: np.ndarray) -> list[int]:
        """Add the masks of a frame; returns the positions of their tracks."""
        rows = [self.index.setdefault(int(x), len(self.index)) for x in ids]
        if len(self.index) > len(self._pixels):
            grow = (0, 2 * len(self.index))
            self._pixels, self._frames = np.pad(self._pixels, grow), np.pad(self._frames, grow)
        self._pixels[rows] += pixels
        self._frames[rows] += pixels > 0
        return rows

    def rows(self, ids: list[int]) -> np.ndarray:
        """Positions of tracks, -1 for one that was never visible."""
        return np.array([self.index.get(x, -1) for x in ids], np.int64)

    def total(self, ids: list[int]) -> np.ndarray:
        """Pixels of tracks over all frames, int64."""
        return _pick(self._pixels, self.rows(ids))

    def mean(self, ids: list[int]) -> np.ndarray:
        """Mean pixels a frame over the frames in which a track is visible, float64; 0 for one that never is."""
        return self.total(ids) / np.maximum(_pick(self._frames, self.rows(ids)), 1)


def _pick(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Values at positions, 0 where it is -1."""
    return np.where(rows >= 0, values[rows], 0)
