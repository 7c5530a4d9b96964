"""RLEs of the ids of a map, from its runs instead of one mask an id."""

import numpy as np
from pycocotools import mask as coco_mask

from videoseg.structures.rle import RLE


def encode_ids(ids: np.ndarray, wanted: np.ndarray) -> list[RLE]:
    """Encode the masks of some ids of a map; an order of magnitude faster than encoding (n, H, W) masks.

    Args:
        ids: (H, W) integers.
        wanted: (n,) distinct ids; one that does not occur gives an empty mask.

    Returns:
        n compressed RLEs with ``counts`` of type bytes, those of :func:`videoseg.structures.rle.encode_masks`.
    """
    height, width = ids.shape
    flat = ids.T.ravel()  # RLEs go column by column
    starts = np.flatnonzero(np.r_[True, flat[1:] != flat[:-1]]) if flat.size else np.zeros(0, np.int64)
    ends = np.append(starts[1:], flat.size)
    owners = flat[starts]
    rles = []
    for number in wanted.tolist():
        own = owners == number
        borders = np.stack([starts[own], ends[own]], 1).ravel()
        counts = np.diff(borders, prepend=0, append=flat.size)
        counts = counts if counts[-1] else counts[:-1]  # no empty run behind a mask that reaches the last pixel
        rles.append(coco_mask.frPyObjects({'size': [height, width], 'counts': counts.tolist()}, height, width))
    return rles
