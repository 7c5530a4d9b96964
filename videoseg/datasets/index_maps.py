"""Label PNGs of one channel: VSPW's classes and DAVIS's objects."""

import numpy as np

from videoseg.datasets.label_map import LabelMap
from videoseg.evaluation.formats.davis import DAVIS_VOID_ID, VOID_OBJECT, read_davis
from videoseg.evaluation.formats.vspw import read_vspw_gt, vspw_labels
from videoseg.structures.ids import DIVISOR, VOID_ID, VOID_LABEL


def read_vspw_map(path: str, size: tuple[int, int], label_map: LabelMap) -> tuple[np.ndarray, np.ndarray]:
    """Read a semantic map of VSPW: raw class id + 1; 0 (others) and 255 are void.

    Args:
        path: 8-bit PNG.
        size: (H, W) that it must have.
        label_map: Raw class ids to labels.

    Returns:
        (H, W) int32 panoptic ids without instances, and (H, W) uint8 values of the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such PNG or has a value beyond the classes; naming file and ids.

    Source: ``specs/evaluators.md`` section 8.
    """
    raw = read_vspw_gt(path, size, num_classes=max(label_map.raw_ids) + 1)
    classes = vspw_labels(raw).astype(np.int32)
    classes[classes == VOID_LABEL] = label_map.ignore_raw_id
    return label_map.to_labels(classes, path) * DIVISOR, raw


def read_davis_map(path: str, size: tuple[int, int], label_map: LabelMap) -> np.ndarray:
    """Read an object map of DAVIS: 0 is the background, 255 is void, all others are ids of objects.

    Objects have no class: all of them get label 0. Background and void both have the void label; void has the instance
    number of :data:`DAVIS_VOID_ID`.

    Args:
        path: 8-bit palette (or grey) PNG.
        size: (H, W) that it must have.
        label_map: Not used: there is one class.

    Returns:
        (H, W) int32 panoptic ids.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such PNG.

    Source: ``specs/evaluators.md`` sections 9 and 10.
    """
    objects = read_davis(path, size).astype(np.int32)
    ids = np.where(objects == 0, VOID_ID, objects)
    ids[objects == VOID_OBJECT] = DAVIS_VOID_ID
    return ids
