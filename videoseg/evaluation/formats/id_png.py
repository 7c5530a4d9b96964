"""Segment ids as colours, R + 256 G + 65536 B, with a ``segments_info`` list: COCO panoptic, Cityscapes-VPS, VIPSeg."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from videoseg.evaluation.formats.png import open_packed_rgb, save_png

MAX_ID = (1 << 24) - 1


def read_id_png(path: str | Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """Read segment ids (``specs/evaluators.md`` section 10).

    Args:
        path: 8-bit RGB PNG.
        size: Expected (H, W). Default: any.

    Returns:
        (H, W) int32 ids, 0 = void.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no 8-bit RGB image of that size.
    """
    return open_packed_rgb(path, size)


def write_id_png(path: str | Path, ids: np.ndarray) -> None:
    """Write segment ids; missing folders are made.

    Raises:
        ValueError: If an id does not fit into 24 bits.
    """
    ids = np.asarray(ids)
    if ids.size and not 0 <= int(ids.min()) <= int(ids.max()) <= MAX_ID:
        raise ValueError(f'{path}: segment ids {ids.min()} ... {ids.max()} do not fit into [0, {MAX_ID}]')
    rgb = np.ascontiguousarray(ids, '<u4').view(np.uint8).reshape(*ids.shape, 4)[..., :3]
    save_png(path, np.ascontiguousarray(rgb))


def distinct_ids(ids: np.ndarray) -> np.ndarray:
    """The ids that occur in a map (H, W), ascending; sorts run starts instead of pixels."""
    return np.unique(np.asarray(ids).ravel()[_run_starts(ids)])


def _run_starts(ids: np.ndarray) -> np.ndarray:
    """Flat positions in a map (H, W) where a run of equal ids within a row begins."""
    ids = np.asarray(ids)
    is_start = np.ones(ids.shape, bool)
    np.not_equal(ids[:, 1:], ids[:, :-1], out=is_start[:, 1:])
    return np.flatnonzero(is_start)


def segments_info(
    ids: np.ndarray, categories: Mapping[int, int], crowd: frozenset[int] = frozenset()
) -> list[dict[str, Any]]:
    """Describe the segments of a map as COCO panoptic jsons do.

    Args:
        ids: (H, W) segment ids, 0 = void.
        categories: Segment id -> category id, for at least the ids in the map.
        crowd: Ids of crowd segments.

    Returns:
        One entry a segment, ascending by id: ``id, category_id, area, iscrowd, bbox`` (x, y, width, height).
    """
    ids = np.asarray(ids)
    height, width = ids.shape
    starts = _run_starts(ids)
    values = ids.ravel()[starts]
    lengths = np.diff(starts, append=ids.size)[values != 0]
    starts, values = starts[values != 0], values[values != 0]
    unique, index = np.unique(values, return_inverse=True)
    areas = np.bincount(index, weights=lengths, minlength=len(unique)).astype(np.int64)
    low, high = np.full((2, len(unique)), max(height, width)), np.zeros((2, len(unique)), np.int64)
    rows, columns = starts // max(width, 1), starts % max(width, 1)
    for axis, (first, last) in enumerate(((columns, columns + lengths - 1), (rows, rows))):
        np.minimum.at(low[axis], index, first)
        np.maximum.at(high[axis], index, last)
    return [
        dict(
            id=segment,
            category_id=int(categories[segment]),
            area=int(area),
            iscrowd=int(segment in crowd),
            bbox=[int(x), int(y), int(right - x + 1), int(bottom - y + 1)],
        )
        for segment, area, x, y, right, bottom in zip(unique.tolist(), areas, *low, *high, strict=True)
    ]
