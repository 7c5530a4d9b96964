"""The joint histogram n(g, p) of two id maps, from which PQ, VPQ, STQ and mIoU all follow."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

# Tables of up to this many cells are counted densely; beyond it (maps of noise) the occurring pairs are sorted.
_MAX_DENSE_CELLS = 1 << 22
# Slots into which distinct ids are hashed, as a power of 2; few of a frame's ids meet in one.
_HASH_BITS = 16


@dataclass(frozen=True)
class JointHistogram:
    """How many pixels have each (ground truth id, predicted id) pair; only pairs that occur, each once.

    Attributes:
        gt_ids: (n,) int64.
        pred_ids: (n,) int64.
        counts: (n,) int64 pixels, or float64 sums of pixel weights.
    """

    gt_ids: np.ndarray
    pred_ids: np.ndarray
    counts: np.ndarray

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def is_weighted(self) -> bool:
        """Whether the counts are sums of weights."""
        return self.counts.dtype.kind == 'f'

    def gt_areas(self) -> tuple[np.ndarray, np.ndarray]:
        """Ground truth ids, ascending, and their areas."""
        return sum_by_id(self.gt_ids, self.counts)

    def pred_areas(self) -> tuple[np.ndarray, np.ndarray]:
        """Predicted ids, ascending, and their areas."""
        return sum_by_id(self.pred_ids, self.counts)

    def select(self, keep: np.ndarray) -> 'JointHistogram':
        """The pairs where the boolean array ``keep`` (n,) is true."""
        return JointHistogram(self.gt_ids[keep], self.pred_ids[keep], self.counts[keep])

    def relabel(self, gt_ids: np.ndarray, pred_ids: np.ndarray) -> 'JointHistogram':
        """The same pairs under other names, as when json ids become panoptic ids.

        Args:
            gt_ids: (n,) name of each pair's ground truth id; distinct ids need distinct names.
            pred_ids: (n,) the same of the prediction.
        """
        return JointHistogram(gt_ids.astype(np.int64), pred_ids.astype(np.int64), self.counts)

    @classmethod
    def sum(cls, histograms: Iterable['JointHistogram']) -> 'JointHistogram':
        """The histogram of several frames together; pairs sorted by ground truth id, then predicted id."""
        histograms = list(histograms)
        if not histograms:
            return cls(*(np.zeros(0, np.int64) for _ in range(3)))
        gt, pred, counts = (
            np.concatenate([getattr(h, name) for h in histograms]) for name in ('gt_ids', 'pred_ids', 'counts')
        )
        if not len(counts):
            return cls(gt, pred, counts)
        order = np.lexsort((pred, gt))
        gt, pred, counts = gt[order], pred[order], counts[order]
        starts = np.flatnonzero(np.r_[True, (gt[1:] != gt[:-1]) | (pred[1:] != pred[:-1])])
        return cls(gt[starts], pred[starts], np.add.reduceat(counts, starts))


def sum_by_id(ids: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum values that share an id.

    Args:
        ids: (n,) integers.
        values: (n,) integers or floats.

    Returns:
        The distinct ids, ascending, and the sums of the type of ``values``.
    """
    unique, index = np.unique(ids, return_inverse=True)
    # Sums of integers stay exact in float64 up to 2**53.
    return unique, np.bincount(index, weights=values, minlength=len(unique)).astype(values.dtype)


def unique_inverse(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As ``np.unique(ids, return_inverse=True)``, without sorting where there are few distinct ids.

    Args:
        ids: (n,) integers.

    Returns:
        The distinct ids, ascending, and the index of each entry's id among them.
    """
    slots = (ids.astype(np.uint32) * np.uint32(2654435769) >> np.uint32(32 - _HASH_BITS)).astype(np.intp)
    owners = np.empty(1 << _HASH_BITS, np.intp)
    positions = np.arange(len(ids))
    owners[slots] = positions
    owner = owners[slots]
    if not np.array_equal(ids[owner], ids):  # two ids in one slot
        return np.unique(ids, return_inverse=True)
    first = np.flatnonzero(owner == positions)
    first = first[np.argsort(ids[first])]
    owners[slots[first]] = np.arange(len(first))
    return ids[first], owners[slots]


def run_starts(*maps: np.ndarray) -> np.ndarray:
    """Where a run begins over which all maps stay the same.

    Args:
        *maps: (n,) arrays, n at least 1.

    Returns:
        Ascending positions, the first being 0.
    """
    changes = np.zeros(maps[0].size, bool)
    changes[0] = True
    for values in maps:
        changes[1:] |= values[1:] != values[:-1]
    return np.flatnonzero(changes)


def joint_histogram(gt: ArrayLike, pred: ArrayLike, weights: ArrayLike | None = None) -> JointHistogram:
    """Count the pairs of ids of two maps of one frame.

    Pixels are first joined to runs over which both ids stay the same. Ids are relabelled to small integers and the
    pairs of the runs counted by ``bincount`` (``specs/evaluators.md`` section 13).

    Args:
        gt: Integer ids of any shape.
        pred: Integer ids of the same shape.
        weights: Non-negative weight of every pixel, of the same shape. Default: every pixel counts 1, exactly.

    Returns:
        The histogram; pairs with weight 0 are left out.

    Raises:
        ValueError: If the shapes differ.
        TypeError: If the ids are not integers.
    """
    gt, pred = _flat_maps(gt, pred, weights, 'weights')
    if not gt.size:
        return JointHistogram.sum([])
    starts = run_starts(gt, pred)
    if weights is None:
        lengths = np.diff(starts, append=gt.size)
    else:
        lengths = np.add.reduceat(np.asarray(weights, np.float64).ravel(), starts)
    gt_ids, gt_index = unique_inverse(gt[starts])
    pred_ids, pred_index = unique_inverse(pred[starts])
    cells = gt_index * len(pred_ids) + pred_index
    if len(gt_ids) * len(pred_ids) <= _MAX_DENSE_CELLS:
        table = np.bincount(cells, weights=lengths)
        cells = np.flatnonzero(table)
        counts = table[cells]
    else:
        cells, counts = sum_by_id(cells, lengths)
    counts = counts.astype(np.int64 if weights is None else np.float64)
    gt_ids, pred_ids = gt_ids.astype(np.int64), pred_ids.astype(np.int64)
    return JointHistogram(gt_ids[cells // len(pred_ids)], pred_ids[cells % len(pred_ids)], counts)


def level_histograms(gt: ArrayLike, pred: ArrayLike, levels: ArrayLike, num_levels: int) -> list[JointHistogram]:
    """Joint histograms of disjoint parts of a frame, in one pass.

    Args:
        gt: Integer ids of any shape.
        pred: Integer ids of the same shape.
        levels: The part to which each pixel belongs, 0 ... ``num_levels - 1``, of the same shape.
        num_levels: Number of parts.

    Returns:
        The histogram of each part; their sum is :func:`joint_histogram` of the frame.

    Raises:
        ValueError: If the shapes differ.
        TypeError: If the ids are not integers.
    """
    gt, pred = _flat_maps(gt, pred, levels, 'levels')
    if not gt.size:
        return [JointHistogram.sum([])] * num_levels
    starts = run_starts(gt, pred)
    # A run's pair gets a number; levels change from pixel to pixel and are counted there.
    gt_ids, gt_index = unique_inverse(gt[starts])
    pred_ids, pred_index = unique_inverse(pred[starts])
    cells, pairs = unique_inverse(gt_index * len(pred_ids) + pred_index)
    pairs = np.repeat(pairs * num_levels, np.diff(starts, append=gt.size))
    table = np.bincount(pairs + np.asarray(levels).ravel(), minlength=len(cells) * num_levels)
    gt_ids = gt_ids[cells // len(pred_ids)].astype(np.int64)
    pred_ids = pred_ids[cells % len(pred_ids)].astype(np.int64)
    counts = table.reshape(len(cells), num_levels).astype(np.int64)
    parts = [JointHistogram(gt_ids, pred_ids, counts[:, level]) for level in range(num_levels)]
    return [part.select(part.counts > 0) for part in parts]


def _flat_maps(
    gt: ArrayLike, pred: ArrayLike, third: ArrayLike | None, third_name: str
) -> tuple[np.ndarray, np.ndarray]:
    """Two id maps as flat arrays, refused if they or a third one do not fit."""
    gt, pred = np.asarray(gt), np.asarray(pred)
    if gt.shape != pred.shape or (third is not None and np.shape(third) != gt.shape):
        raise ValueError(
            f'ground truth {gt.shape}, prediction {pred.shape}'
            + ('' if third is None else f' and {third_name} {np.shape(third)}')
            + ' differ in shape: results must have the original size of the frame'
        )
    for name, ids in (('ground truth', gt), ('prediction', pred)):
        if ids.dtype.kind not in 'iu':
            raise TypeError(f'{name} ids have type {ids.dtype}, expected integers')
    return gt.ravel(), pred.ravel()
