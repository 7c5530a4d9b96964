"""Run-length encoded masks: COCO's format, checked."""

from collections.abc import Mapping, Sequence
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
    height, width = int(size[0]), int(size[1])
    if isinstance(segmentation, Sequence) and not isinstance(segmentation, str | bytes):
        try:
            return coco_mask.merge(coco_mask.frPyObjects(list(segmentation), height, width))
        except (TypeError, ValueError, IndexError, Exception) as error:  # pycocotools raises bare Exception
            raise ValueError(f'{where}: polygon cannot be read ({error})') from error
    if not isinstance(segmentation, Mapping) or 'counts' not in segmentation or 'size' not in segmentation:
        raise ValueError(f'{where}: segmentation is neither an RLE (size, counts) nor a list of polygons')
    if list(segmentation['size']) != [height, width]:
        raise ValueError(f'{where}: RLE says size {list(segmentation["size"])}, expected {[height, width]} (H, W)')
    counts = segmentation['counts']
    if isinstance(counts, list):
        if any(not isinstance(x, int) or x < 0 for x in counts) or sum(counts) != height * width:
            raise ValueError(f'{where}: the runs of the RLE do not add up to {height} x {width} pixels')
        return coco_mask.frPyObjects({'size': [height, width], 'counts': counts}, height, width)
    data = counts.encode('ascii', 'replace') if isinstance(counts, str) else bytes(counts)
    if sum_of_runs(data) != height * width:
        raise ValueError(f'{where}: the runs of the RLE do not add up to {height} x {width} pixels')
    return {'size': [height, width], 'counts': data}


def sum_of_runs(counts: bytes) -> int:
    """Pixels that the runs of a compressed RLE cover; -1 if the string is broken.

    Each run is written in groups of 5 bits, low group first, offset 48, bit 0x20 = more groups follow, bit 0x10 of the
    last = sign; from the fourth run on it is the difference to the run before the last.
    """
    codes = np.frombuffer(counts, np.uint8).astype(np.int64) - 48
    if not len(codes):
        return 0
    last = (codes & 0x20) == 0
    if codes.min() < 0 or codes.max() > 63 or not last[-1]:
        return -1
    starts = np.r_[0, np.flatnonzero(last)[:-1] + 1]
    lengths = np.diff(np.r_[starts, len(codes)])
    if lengths.max() > 12:
        return -1
    shift = 5 * (np.arange(len(codes)) - np.repeat(starts, lengths))
    values = np.add.reduceat((codes & 0x1F) << shift, starts)
    negative = (codes[starts + lengths - 1] & 0x10) != 0
    values[negative] -= 1 << (5 * lengths[negative])
    # Run i >= 3 is stored as difference to run i - 2: two interleaved cumulative sums, of 1, 3, 5, ... and of 2, 4, 6, ...
    runs = values.copy()
    runs[1::2] = np.cumsum(values[1::2])
    runs[2::2] = np.cumsum(values[2::2])
    return int(runs.sum()) if runs.min() >= 0 else -1
