"""Run-length encoded masks: COCO's format, checked."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

RLE = dict[str, Any]
"""``size``: [H, W]; ``counts``: compressed runs (bytes, or str in jsons), column by column."""


def encode_masks(masks: np.ndarray) -> list[RLE]:
    """Encode masks.

    Args:
        masks: (n, H, W) bool or integers, non-zero = inside.

    Returns:
        n compressed RLEs with ``counts`` of type bytes.
    """
    masks = np.asarray(masks)
    return coco_mask.encode(np.asfortranarray((masks != 0).transpose(1, 2, 0).astype(np.uint8))) if len(masks) else []


def decode_masks(rles: Sequence[RLE], size: tuple[int, int]) -> np.ndarray:
    """Decode masks.

    Args:
        rles: Compressed RLEs of that size.
        size: (H, W), for an empty list.

    Returns:
        (n, H, W) uint8, 0 or 1.
    """
    if not rles:
        return np.zeros((0, *size), np.uint8)
    return np.ascontiguousarray(coco_mask.decode(list(rles)).transpose(2, 0, 1))


def areas(rles: Sequence[RLE]) -> np.ndarray:
    """Pixels inside each of n compressed RLEs, (n,) int64."""
    # pycocotools (2.0.11 with NumPy 2) raises OverflowError for more than 255 masks.
    parts = [coco_mask.area(list(rles[i : i + 255])) for i in range(0, len(rles), 255)]
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)


def intersections(first: Sequence[RLE], first_areas: np.ndarray, second: Sequence[RLE]) -> np.ndarray:
    """Pixels that masks share, all pairs in one call.

    Args:
        first: n compressed RLEs.
        first_areas: (n,) their areas.
        second: m compressed RLEs of the same size.

    Returns:
        (n, m) int64.

    Raises:
        ValueError: If the sizes differ.
    """
    if not len(first) or not len(second):
        return np.zeros((len(first), len(second)), np.int64)
    # With the crowd flag, pycocotools divides by the area of the first mask alone: times it, that is the intersection.
    share = coco_mask.iou(list(first), list(second), [1] * len(second))
    if (share < 0).any():
        sizes = sorted({tuple(x['size']) for x in (*first, *second)})
        raise ValueError(f'masks of different sizes (H, W) {sizes}; ground truth and prediction must have one')
    return np.rint(share * np.asarray(first_areas)[:, None]).astype(np.int64)


def to_rle(segmentation: Any, size: tuple[int, int], where: str) -> RLE:
    """A segmentation of a json as a compressed RLE.

    Args:
        segmentation: Compressed RLE, uncompressed RLE (``counts`` is a list) or list of polygons.
        size: (H, W) that it must have.
        where: File, video, frame and id, for the message.

    Returns:
        Compressed RLE with ``counts`` of type bytes.

    Raises:
        ValueError: If it is none of these, or its size or the sum of its runs is not H * W.
    """
    return to_rles([segmentation], size, lambda _: where)[0][0]


def to_rles(
    segmentations: Sequence[Any], size: tuple[int, int], where: Callable[[int], str]
) -> tuple[list[RLE], np.ndarray]:
    """Many segmentations of one size at once, as :func:`to_rle` but a hundred times as fast.

    Args:
        segmentations: As in :func:`to_rle`.
        size: (H, W) that they must have.
        where: Index -> file, video, frame and id, for the message.

    Returns:
        Compressed RLEs with ``counts`` of type bytes, and (n,) int64 pixels inside.

    Raises:
        ValueError: As in :func:`to_rle`, for the first segmentation that is wrong.
    """
    height, width = int(size[0]), int(size[1])
    size, rles = [height, width], []
    for index, segmentation in enumerate(segmentations):
        try:
            rles.append(_compress(segmentation, size))
        except ValueError as error:
            raise ValueError(f'{where(index)}: {error}') from error
    total, inside = sums_of_runs([rle['counts'] for rle in rles])
    if (wrong := np.flatnonzero(total != height * width)).size:
        raise ValueError(f'{where(int(wrong[0]))}: the runs of the RLE do not add up to {height} x {width} pixels')
    return rles, inside


def _compress(segmentation: Any, size: list[int]) -> RLE:
    """One segmentation as a compressed RLE; its runs are not checked yet if it was compressed before."""
    if isinstance(segmentation, list | tuple):
        return _from_polygons(segmentation, *size)
    if not isinstance(segmentation, dict) or 'counts' not in segmentation or 'size' not in segmentation:
        raise ValueError('segmentation is neither an RLE (size, counts) nor a list of polygons')
    found, counts = segmentation['size'], segmentation['counts']
    if found != size and not (isinstance(found, tuple) and list(found) == size):
        raise ValueError(f'RLE says size {found}, expected {size} (H, W)')
    if isinstance(counts, str):
        try:
            return {'size': size, 'counts': counts.encode('ascii')}
        except UnicodeEncodeError as error:
            raise ValueError('the counts of the RLE are no compressed runs') from error
    if isinstance(counts, bytes):
        return {'size': size, 'counts': counts}
    if not isinstance(counts, list):
        raise ValueError(f'the counts of the RLE are of type {type(counts).__name__}, expected text or a list')
    if any(type(x) is not int or x < 0 for x in counts) or sum(counts) != size[0] * size[1]:
        raise ValueError(f'the runs of the RLE do not add up to {size[0]} x {size[1]} pixels')
    return coco_mask.frPyObjects({'size': size, 'counts': counts}, *size)


def _from_polygons(polygons: Sequence[Any], height: int, width: int) -> RLE:
    """The union of polygons (x, y, x, y, ...). pycocotools would take four numbers for a box and walk any distance."""
    low, high = -max(height, width), 2 * max(height, width)
    try:
        points = [np.array(x, np.float64) for x in polygons]
    except (TypeError, ValueError) as error:
        raise ValueError(f'polygon cannot be read ({error})') from error
    for x in points:
        if x.ndim != 1 or len(x) < 6 or len(x) % 2:
            raise ValueError('polygon cannot be read (expected x, y, x, y, ... of at least three points)')
        if not ((x >= low) & (x <= high)).all():
            raise ValueError(f'polygon has coordinates outside [{low}, {high}]')
    if not points:
        raise ValueError('polygon cannot be read (the list is empty)')
    return coco_mask.merge(coco_mask.frPyObjects([x.tolist() for x in points], height, width))


def sums_of_runs(strings: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels that the runs of compressed RLEs cover, decoded all at once.

    Each run is written in groups of 5 bits, low group first, offset 48, bit 0x20 = more groups follow, bit 0x10 of the
    last = sign; from the fourth run on it is the difference to the run before the last.

    Args:
        strings: ``counts`` of n compressed RLEs.

    Returns:
        Two (n,) int64: pixels covered, and those of them inside the mask. -1 for a broken string.
    """
    total, inside = np.full((2, len(strings)), -1, np.int64)
    good = np.arange(len(strings))
    while len(good):
        codes, stops, ends, lengths = _split_runs([strings[i] for i in good])
        well_formed = _well_formed(codes, stops, ends, lengths)
        if well_formed.all():
            total[good], inside[good] = _sum_codes(codes, stops, ends, lengths)
            break
        good = good[well_formed]
    return total, inside


def _split_runs(strings: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All codes in a row, where each string stops, the last code of each run, and how many codes each run has."""
    codes = np.frombuffer(b''.join(strings), np.uint8) - np.uint8(48)  # below 48 wraps around
    ends = np.flatnonzero((codes & 0x20) == 0)
    return codes, np.cumsum(np.fromiter(map(len, strings), np.int64, len(strings))), ends, np.diff(ends, prepend=-1)


def _well_formed(codes: np.ndarray, stops: np.ndarray, ends: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Whether each string has codes of 6 bits only, at least one run, whole runs, and runs of at most 7 codes."""
    sizes = np.diff(stops, prepend=0)
    result = sizes > 0
    if codes.size:
        result[result] = (codes[stops[result] - 1] & 0x20) == 0
        if codes.max() > 63:
            result[np.searchsorted(stops, np.flatnonzero(codes > 63), side='right')] = False
        is_long = lengths > 7
        if is_long.any():  # blamed on where it starts: an unfinished run goes on in the next string
            result[np.searchsorted(stops, (ends - lengths + 1)[is_long], side='right')] = False
    return result


def _sum_codes(
    codes: np.ndarray, stops: np.ndarray, ends: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """See :func:`sums_of_runs`; for well-formed strings."""
    values = _SIGNED[codes[ends]]
    rest, k = np.flatnonzero(lengths > 1), 1
    while len(rest):
        values[rest] = (values[rest] << 5) | (codes[ends[rest] - k] & 0x1F)
        k += 1
        rest = rest[lengths[rest] > k]
    last = np.searchsorted(ends, stops)
    first = np.r_[0, last[:-1]]
    # Runs 2, 4, ... and runs 1, 3, ... of a string are two cumulative sums. All strings are summed up at once, by the
    # parity of the position among all runs; what came before a string, and its run 0, are taken off again. Sums wrap
    # around at 32 bits, as in pycocotools, which cancels in the differences.
    total, inside = values[first].astype(np.int64), np.zeros(len(first), np.int64)
    negative = total < 0
    for parity in (0, 1):
        low, high = (first + 1 - parity) // 2, (last + 1 - parity) // 2
        even = first % 2 == parity  # of the string's own runs, these are 0, 2, 4, ...
        runs = np.cumsum(np.r_[np.int32(0), values[parity::2]], dtype=np.int32)
        runs = runs[1:] - np.repeat(runs[low + even], high - low)
        covered = np.r_[0, np.cumsum(runs, dtype=np.int64)]
        covered = covered[high] - covered[low]
        total += covered
        inside += np.where(even, 0, covered)
        if runs.size and runs.min() < 0:
            negative[np.searchsorted(high, np.flatnonzero(runs < 0), side='right')] = True
    return np.where(negative, -1, total), np.where(negative, -1, inside)


_SIGNED = ((np.arange(32) ^ 16) - 16).astype(np.int32)
"""The last 5 bits of a run as a signed number."""
