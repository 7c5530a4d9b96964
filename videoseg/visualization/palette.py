"""Colours of tracks and classes, RGB."""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

NUM_TRACK_COLORS = 40
_RECENT = 8


@lru_cache(maxsize=1)
def _track_table() -> np.ndarray:
    """(40, 3) vivid, not dark RGB colours, each chosen far (CIELAB) from all before it, most of all from the last 8."""
    hue, saturation, value = np.meshgrid(np.arange(0, 180, 3), [130, 190, 255], [170, 215, 255], indexing='ij')
    hsv = np.stack([hue, saturation, value], -1).reshape(1, -1, 3).astype(np.uint8)
    rgb = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    vivid = (lab[:, 0] >= 40) & (np.hypot(lab[:, 1], lab[:, 2]) >= 40)
    rgb, lab = rgb[0, vivid], lab[vivid]
    distances = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    chosen = [int(np.argmin(np.abs(rgb.astype(int) - (255, 120, 0)).sum(1)))]
    while len(chosen) < NUM_TRACK_COLORS:
        to_all = distances[chosen].min(0)
        to_recent = distances[chosen[-_RECENT:]].min(0)
        chosen.append(int(np.argmax(np.minimum(1.2 * to_all, to_recent) + 0.1 * to_all)))
    return np.ascontiguousarray(rgb[chosen])


def track_colors(track_ids: np.ndarray | Sequence[int]) -> np.ndarray:
    """Colours of tracks: a pure function of the id, so a track keeps its colour through all frames and runs.

    Ids that follow each other differ clearly; colours repeat after 40 ids.

    Args:
        track_ids: (N,) non-negative ids.

    Returns:
        (N, 3) uint8 RGB.
    """
    return _track_table()[(np.asarray(track_ids, dtype=np.int64) - 1) % NUM_TRACK_COLORS]


def class_colors(num_classes: int, palette: Sequence[Sequence[int]] | None = None) -> np.ndarray:
    """Colours of classes from a dataset's palette.

    Args:
        num_classes: K.
        palette: K RGB triples in [0, 255]; None makes muted colours.

    Returns:
        (K, 3) uint8 RGB.

    Raises:
        ValueError: If the palette has not K rows of three values in [0, 255].
    """
    if palette is None:
        return (track_colors(np.arange(num_classes) + NUM_TRACK_COLORS // 2) * 0.5 + 64).astype(np.uint8)
    colors = np.asarray(palette)
    if colors.shape != (num_classes, 3) or colors.min(initial=0) < 0 or colors.max(initial=0) > 255:
        raise ValueError(
            f"the metainfo key 'palette' must hold {num_classes} RGB triples in [0, 255] (one a class), "
            f'got an array of shape {colors.shape}'
        )
    return colors.astype(np.uint8)
