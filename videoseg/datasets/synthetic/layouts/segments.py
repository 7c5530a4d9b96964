"""Segment ids of a frame for the layouts that store ids as colours with a json beside them."""

from typing import Any

import numpy as np

from videoseg.datasets.synthetic.presets import CLASSES, RAW_ID, THINGS, VOID
from videoseg.datasets.synthetic.rendered_frame import RenderedFrame
from videoseg.evaluation.formats.id_png import segments_info

_BASE = 256
_THING_IDS = frozenset(RAW_ID[info.name] for info in THINGS)
_CROWD_IDS = frozenset(raw_id + 1 for raw_id in _THING_IDS)

CATEGORIES = [
    dict(id=info.raw_id, name=info.name, isthing=int(info.is_thing), color=list(info.color)) for info in CLASSES
]
"""``categories`` of the panoptic jsons; category id = raw class id."""


def crowd_mask(frame: RenderedFrame) -> np.ndarray:
    """Pixels of things without an instance: (H, W) bool."""
    return np.isin(frame.raw_map, list(_THING_IDS)) & (frame.instance_map == 0)


def segment_ids(frame: RenderedFrame, keep_crowd: bool = True) -> np.ndarray:
    """Number the segments of a frame; an object has the same id in all frames of its video.

    Args:
        frame: The truth.
        keep_crowd: Whether crowds are segments; otherwise they are void.

    Returns:
        (H, W) int32: ``raw class id + 1 + 256 * instance``; stuff and crowds have instance 0; void is 0.
    """
    ids = frame.raw_map.astype(np.int32) + 1 + _BASE * frame.instance_map.astype(np.int32)
    ids[frame.raw_map == VOID] = 0
    if not keep_crowd:
        ids[crowd_mask(frame)] = 0
    return ids


def describe_segments(ids: np.ndarray) -> list[dict[str, Any]]:
    """``segments_info`` of a map of :func:`segment_ids`, with ``iscrowd=1`` for crowds."""
    return segments_info(ids, {int(x): int(x) % _BASE - 1 for x in np.unique(ids)}, _CROWD_IDS)


def id_colors(ids: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB with id = R + 256 G + 65536 B."""
    return np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1).astype(np.uint8)
