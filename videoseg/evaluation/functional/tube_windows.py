"""Sliding windows over the frames of a video: every size at once, each frame added once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videoseg.evaluation.functional.segment_table import SegmentTable
from videoseg.evaluation.functional.tube_matching import Tubes, WindowTubes

# Planes of the segments' values; further ones are areas that add up over time.
_PRESENT, _LABEL, _CROWD, _RANK, _AREA = range(5)


@dataclass(frozen=True)
class FrameSegments:
    """One frame: its segments and their overlaps.

    Attributes:
        gt: G ground truth segments.
        pred: P predicted segments.
        union_void: (P,) pixels of each prediction that leave the union of its pairs.
        excused: (P,) pixels of each prediction on void.
        gt_rows: (N,) row of ``gt`` of each overlapping pair; every pair once.
        pred_rows: (N,) row of ``pred`` of each pair.
        overlaps: (N,) pixels of each pair.
    """

    gt: SegmentTable
    pred: SegmentTable
    union_void: np.ndarray
    excused: np.ndarray
    gt_rows: np.ndarray
    pred_rows: np.ndarray
    overlaps: np.ndarray


class _Recent:
    """Values of the last frames, newest first, one column a key; keys that left these frames are forgotten.

    Attributes:
        keys: (n,) ascending.
        values: (frames, planes, n) float64, in which counts are exact; plane 0 is not 0 where the key is present.
    """

    def __init__(self, num_frames: int, num_planes: int) -> None:
        self.keys = np.zeros(0, np.int64)
        self.values = np.zeros((num_frames, num_planes, 0))

    def __len__(self) -> int:
        return len(self.keys)

    def push(self, keys: np.ndarray, planes: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Add a frame and drop the oldest.

        Args:
            keys: Distinct keys of the frame.
            planes: Their values.

        Returns:
            Column of each of the frame's keys, and of each key that was there before (-1 if it left).
        """
        stays = self.values[:-1, 0].any(0)
        kept = self.keys if stays.all() else self.keys[stays]
        joined = kept if np.array_equal(kept, keys) else np.union1d(kept, keys)
        old, new = np.searchsorted(joined, kept), np.searchsorted(joined, keys)
        values = np.zeros((*self.values.shape[:2], len(joined)))
        values[1:, :, old] = self.values[:-1, :, stays]
        values[0][:, new] = planes
        moved = np.full(len(self.keys), -1)
        moved[stays] = old
        self.keys, self.values = joined, values
        return new, moved


class TubeWindows:
    """The last frames of one video, from which the tubes of every window that ends now are read.

    Window sums are running sums over the last ``max(sizes)`` frames, so neither sorting nor pixels are done again for
    another size. What is kept does not grow with the video: only ids of the last frames are known.

    Args:
        sizes: Window sizes in frames.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = np.array(sizes, np.int64)
        longest = int(self.sizes.max())
        self.num_frames = 0
        self.gt = _Recent(longest, 5)
        self.pred = _Recent(longest, 7)
        self.pairs = _Recent(longest, 1)
        self.pair_rows = np.zeros((2, 0), np.int64)

    def push(self, frame: FrameSegments) -> tuple[np.ndarray, WindowTubes]:
        """Add the next frame.

        Args:
            frame: Its segments.

        Returns:
            The indices into ``sizes`` of the windows that end with this frame, shape (W,), and their tubes.
        """
        self.num_frames += 1
        gt_rows, gt_moved = self.gt.push(frame.gt.ids, _planes(frame.gt))
        pred_rows, pred_moved = self.pred.push(frame.pred.ids, [*_planes(frame.pred), frame.union_void, frame.excused])
        # A pair's key is made of its rows, which shift when ids come or go; their order stays.
        self.pairs.keys = gt_moved[self.pair_rows[0]] * len(self.pred) + pred_moved[self.pair_rows[1]]
        self.pairs.push(gt_rows[frame.gt_rows] * len(self.pred) + pred_rows[frame.pred_rows], [frame.overlaps])
        self.pair_rows = np.stack(np.divmod(self.pairs.keys, max(len(self.pred), 1)))
        complete = np.flatnonzero(self.sizes <= self.num_frames)
        return complete, self._tubes(self.sizes[complete] - 1)

    def _tubes(self, last: np.ndarray) -> WindowTubes:
        """Tubes of windows that reach back to the frames ``last`` (W,), 0 being the newest."""
        gt_first, gt_sums = _first_present(self.gt, last), _sums(self.gt, last)
        pred_first, pred_sums = _first_present(self.pred, last), _sums(self.pred, last)
        columns = np.arange(len(self.gt))
        labels, crowd, ranks = (self.gt.values[gt_first, plane, columns] for plane in (_LABEL, _CROWD, _RANK))
        pred_labels = self.pred.values[pred_first, _LABEL, np.arange(len(self.pred))]
        gt_present, pred_present = gt_first >= 0, pred_first >= 0
        # Order of appearance: first frame, then place in its list.
        ranks = ranks.astype(np.int64) - (gt_first << 32)
        return WindowTubes(
            gt=Tubes(labels.astype(np.int64), gt_sums[:, 0], gt_present),
            is_crowd=(crowd > 0) & gt_present,
            ranks=ranks,
            pred=Tubes(pred_labels.astype(np.int64), pred_sums[:, 0], pred_present),
            union_void=pred_sums[:, 1],
            excused=pred_sums[:, 2],
            gt_rows=self.pair_rows[0],
            pred_rows=self.pair_rows[1],
            overlaps=self.pairs.values[:, 0].cumsum(0)[last],
        )


def _planes(table: SegmentTable) -> list[np.ndarray]:
    return [np.ones(len(table)), table.labels, table.is_crowd, table.ranks, table.areas]


def _first_present(recent: _Recent, last: np.ndarray) -> np.ndarray:
    """(W, n): the oldest frame of each window in which a key is present (0 is the newest), -1 if it is absent."""
    frames = np.arange(len(recent.values))[:, None]
    return np.maximum.accumulate(np.where(recent.values[:, _PRESENT] > 0, frames, -1), axis=0)[last]


def _sums(recent: _Recent, last: np.ndarray) -> np.ndarray:
    """(W, planes, n): areas summed over each window."""
    return recent.values[:, _AREA:].cumsum(0)[last]
