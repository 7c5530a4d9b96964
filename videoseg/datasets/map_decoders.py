"""How label PNGs are decoded: one function an encoding, all with one signature."""

from collections.abc import Callable, Mapping

import numpy as np

from videoseg.datasets.index_maps import read_davis_map, read_vspw_map
from videoseg.datasets.label_map import LabelMap
from videoseg.evaluation.formats.id_png import distinct_ids, read_id_png
from videoseg.evaluation.formats.png import open_packed_rgb, open_png
from videoseg.structures.ids import DIVISOR, VOID_ID, VOID_LABEL, encode_ids

FIRST_VIPSEG_THING = 125
VIPSEG_VOID = (0, 200)
_MAX_SHOWN = 10

Segments = Mapping[int, int]
"""Segment id -> panoptic id, of one frame."""

MapDecoder = Callable[[str, tuple[int, int], LabelMap, Segments | None], dict[str, np.ndarray]]
"""(path, (H, W), label map, segments of the frame) -> what goes into the pipeline: ``gt_seg_map`` and, of semantic data
sets, ``gt_raw_seg``."""


def decode_step(path: str, size: tuple[int, int], label_map: LabelMap, segments: Segments | None) -> dict:
    """KITTI-STEP: 8-bit RGB, R = raw class id, G * 256 + B = instance.

    Instance numbers of stuff and void are dropped; crowd keeps instance 0.

    Args:
        path: The PNG.
        size: (H, W) that it must have.
        label_map: Raw class ids to labels.
        segments: Not used.

    Returns:
        ``gt_seg_map`` (H, W) int32 panoptic ids.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it has another mode, depth or size, or a class id that the metainfo lacks.

    Source: ``specs/evaluators.md`` section 10.
    """
    packed = open_packed_rgb(path, size, red_first=False)
    labels = label_map.to_labels(packed >> 16, path)
    instances = packed & (DIVISOR - 1)
    instances[labels >= label_map.num_things] = 0
    return dict(gt_seg_map=encode_ids(labels, instances))


def decode_coco_rgb(path: str, size: tuple[int, int], label_map: LabelMap, segments: Segments | None) -> dict:
    """Segment ids as colours, R + 256 G + 65536 B, 0 = void (COCO panoptic, Cityscapes-VPS, VIPSeg).

    Args:
        path: The PNG.
        size: (H, W) that it must have.
        label_map: Not used: the segments know their labels.
        segments: What the json says of this frame.

    Returns:
        ``gt_seg_map`` (H, W) int32 panoptic ids.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it has another mode, depth or size, or its ids are not those of the json; ids are named.

    Source: ``specs/evaluators.md`` section 10.
    """
    if segments is None:
        raise ValueError(f'{path}: the data set knows no segments of it; use a data set class with a json of segments')
    ids = read_id_png(path, size)
    check_segments(distinct_ids(ids), segments, path)
    known = np.array([0, *segments], np.int64)
    targets = np.array([VOID_ID, *segments.values()], np.int32)
    order = np.argsort(known)
    return dict(gt_seg_map=_map_runs(ids, known[order], targets[order]))


def decode_vipseg_raw(path: str, size: tuple[int, int], label_map: LabelMap, segments: Segments | None) -> dict:
    """VIPSeg as published: 16 bit; class id + 1, or (class id + 1) * 100 + instance with instances from 0.

    0 is void, and so is 200, which stands for no class of the list of things (``specs/evaluators.md`` section 5).
    Instances are counted from 1 in the result.

    Args:
        path: The PNG.
        size: (H, W) that it must have.
        label_map: Class ids to labels.
        segments: Not used.

    Returns:
        ``gt_seg_map`` (H, W) int32 panoptic ids.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it has another mode or size (8-bit PNGs are converted ones), or a value that is no class, no
            instance of a thing, or a thing without an instance.

    Source: ``specs/evaluators.md`` section 10.
    """
    values = open_png(path, ('I;16', 'I;16B', 'I'), size).astype(np.int32)
    present = distinct_ids(values)
    return dict(gt_seg_map=_map_runs(values, present, vipseg_panoptic_ids(present, label_map, path)))


def decode_labels(path: str, size: tuple[int, int], label_map: LabelMap, segments: Segments | None) -> dict:
    """Raw class ids as 8-bit values; there are no instances.

    Args:
        path: The PNG, grey or with a palette.
        size: (H, W) that it must have.
        label_map: Raw class ids to labels.
        segments: Not used.

    Returns:
        ``gt_seg_map`` (H, W) int32 panoptic ids and ``gt_raw_seg`` (H, W) uint8, the values of the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it has another mode, depth or size, or a class id that the metainfo lacks.
    """
    raw = open_png(path, ('L', 'P'), size)
    return dict(gt_seg_map=label_map.to_labels(raw, path) * DIVISOR, gt_raw_seg=raw)


def decode_vspw(path: str, size: tuple[int, int], label_map: LabelMap, segments: Segments | None) -> dict:
    """VSPW: class id + 1, see :func:`videoseg.datasets.index_maps.read_vspw_map`."""
    ids, raw = read_vspw_map(path, size, label_map)
    return dict(gt_seg_map=ids, gt_raw_seg=raw)


def decode_davis(path: str, size: tuple[int, int], label_map: LabelMap, segments: Segments | None) -> dict:
    """DAVIS: ids of objects without classes, see :func:`videoseg.datasets.index_maps.read_davis_map`."""
    return dict(gt_seg_map=read_davis_map(path, size, label_map))


MAP_DECODERS: dict[str, MapDecoder] = dict(
    step=decode_step,
    coco_rgb=decode_coco_rgb,
    vipseg_raw=decode_vipseg_raw,
    labels=decode_labels,
    vspw=decode_vspw,
    davis=decode_davis,
)
"""``seg_encoding`` of a data set -> decoder."""


def check_segments(ids: np.ndarray, segments: Segments, source: str) -> None:
    """The ids of a PNG must be those of the json.

    Args:
        ids: Different ids of the map, 0 = void.
        segments: Has the ids of the json as keys.
        source: File, for the message.

    Raises:
        ValueError: Naming ids that only one of the two has.
    """
    present = set(ids.tolist()) - {0}
    parts = [
        f'id {", ".join(map(str, lost[:_MAX_SHOWN]))}{" ..." if len(lost) > _MAX_SHOWN else ""} is {where}'
        for lost, where in (
            (sorted(present - segments.keys()), 'in the PNG but not in the json'),
            (sorted(segments.keys() - present), 'in the json but not in the PNG'),
        )
        if lost
    ]
    if parts:
        raise ValueError(f'{source}: {"; ".join(parts)}')


def vipseg_panoptic_ids(values: np.ndarray, label_map: LabelMap, source: str) -> np.ndarray:
    """Values of raw VIPSeg masks as panoptic ids.

    Args:
        values: (n,) different values.
        label_map: Class ids to labels.
        source: File, for the message.

    Returns:
        (n,) int32 panoptic ids; instances count from 1.

    Raises:
        ValueError: As :func:`decode_vipseg_raw`.
    """
    values = np.asarray(values, np.int32)
    has_instance = values >= FIRST_VIPSEG_THING
    void = np.isin(values, VIPSEG_VOID)
    raw = np.where(has_instance, values // 100 - 1, values - 1)
    raw[void] = label_map.ignore_raw_id
    labels = label_map.to_labels(raw, f'{source}: pixel value {_shown(values)}')
    wrong = ~void & (has_instance != (labels < label_map.num_things)) & (labels != VOID_LABEL)
    if wrong.any():
        raise ValueError(
            f'{source}: pixel value {_shown(values[wrong])} is a stuff class with an instance or a thing without one'
        )
    instances = np.where(has_instance & ~void, values % 100 + 1, 0)
    return encode_ids(labels, instances).astype(np.int32)


def _shown(values: np.ndarray) -> str:
    return ', '.join(map(str, values[:_MAX_SHOWN].tolist())) + (' ...' if len(values) > _MAX_SHOWN else '')


def _map_runs(ids: np.ndarray, known: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Replace every id of a map (H, W) by its target; looks runs of equal pixels up, not pixels.

    Args:
        ids: The map.
        known: (n,) ids, ascending, at least all of the map.
        targets: (n,) int32.
    """
    flat = ids.ravel()
    starts = np.flatnonzero(np.r_[True, flat[1:] != flat[:-1]]) if flat.size else np.zeros(0, np.int64)
    lengths = np.diff(starts, append=flat.size)
    return np.repeat(targets[np.searchsorted(known, flat[starts])], lengths).reshape(ids.shape)
