"""One frame of a synthetic video with its truth."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class RenderedFrame:
    """Picture and panoptic truth; rows of the areas are the objects 1..N of the scene.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        raw_map: (H, W) uint8 raw class ids, 255 = unlabelled.
        instance_map: (H, W) uint16 instance ids, 0 = none (stuff, crowd, unlabelled).
        visible_area: (N,) int64 pixels of each object in ``instance_map``.
        amodal_area: (N,) int64 pixels of the frame each object would have if nothing were in front of it.
        full_area: (N,) float64 pixels of the whole shape, also outside of the frame.
    """

    image: np.ndarray
    raw_map: np.ndarray
    instance_map: np.ndarray
    visible_area: np.ndarray
    amodal_area: np.ndarray
    full_area: np.ndarray
