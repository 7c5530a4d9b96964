"""From the annotations of instance data sets to maps and to exact ground truth."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from pycocotools import mask as coco_mask

from videoseg.datasets.frame_instance import FrameInstance
from videoseg.registry import TRANSFORMS
from videoseg.structures.ids import MAX_INSTANCE, VOID_ID, encode_ids
from videoseg.structures.rle import areas


@TRANSFORMS.register_module()
class LoadInstanceTracks(BaseTransform):
    """Load the instances of a frame of an instance data set (YouTube-VIS, OVIS).

    * ``as_map=True``, for training: paint them into ``gt_seg_map`` (H, W) int32, ids by :mod:`videoseg.structures.ids`
      with the number of the track in its video as instance, so that all transforms of panoptic maps work. Pixels of no
      instance are void. Where instances overlap the smaller one (in this frame) wins. Crowds are painted below all
      others and keep instance 0, hence are no instance. Stands before Resize and Flip.
    * ``as_map=False``, for tests: ``gt_tracks``, exact and overlapping as they may be: ``ids`` (the same numbers),
      ``labels``, ``is_crowd``, ``areas``, ``occlusion`` (n,) arrays (``occlusion`` None if nothing tells it) and
      ``masks``, n RLEs of the original size; None if the data set tells nothing of the frame.

    Required keys: ``instances``, ``ori_shape`` (from ``LoadImageFromFile``).

    Args:
        as_map: What to make of them. Default True.
    """

    def __init__(self, as_map: bool = True) -> None:
        self.as_map = as_map

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Load the instances of one frame.

        Raises:
            ValueError: If the json tells another size than the image has, or a training frame has no annotations.
        """
        instances, where = results.get('instances'), results['img_path']
        if instances is None:
            if self.as_map:
                raise ValueError(f'{where}: the data set has no annotations for it; it cannot be trained on')
            return dict(results, gt_tracks=None)
        size = tuple(int(x) for x in results['ori_shape'][:2])
        if instances and tuple(instances[0].rle['size']) != size:
            raise ValueError(
                f'{where}: the image has size {size} (H, W), but the json tells {tuple(instances[0].rle["size"])}; do '
                'the images belong to this json?'
            )
        if self.as_map:
            results['gt_seg_map'] = paint_instances(instances, size, where)
        else:
            results['gt_tracks'] = _columns(instances)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(as_map={self.as_map})'


def paint_instances(instances: Sequence[FrameInstance], size: tuple[int, int], source: str) -> np.ndarray:
    """Instances as one panoptic map, the smaller above the larger, crowds below all.

    Args:
        instances: Those of one frame.
        size: (H, W).
        source: Frame, for the message.

    Returns:
        (H, W) int32 panoptic ids, void where there is no instance.

    Raises:
        ValueError: If the number of a track does not fit into a panoptic id.
    """
    if not instances:
        return np.full(size, VOID_ID, dtype=np.int32)
    if (highest := max(x.number for x in instances)) > MAX_INSTANCE:
        raise ValueError(f'{source}: track number {highest} of its video; panoptic ids end at {MAX_INSTANCE}')
    pixels = areas([x.rle for x in instances])
    order = sorted(range(len(instances)), key=lambda i: (not instances[i].is_crowd, -int(pixels[i])))
    # RLEs run down the columns: painting the transposed map saves transposing every mask.
    painted = np.full(size[::-1], VOID_ID, dtype=np.int32)
    for i in order:
        number = 0 if instances[i].is_crowd else instances[i].number
        painted[coco_mask.decode(instances[i].rle).T.view(bool)] = encode_ids(instances[i].label, number)
    return np.ascontiguousarray(painted.T)


def _columns(instances: Sequence[FrameInstance]) -> dict[str, Any]:
    occlusion = np.array([x.occlusion for x in instances], dtype=np.float64)
    return dict(
        ids=np.array([x.number for x in instances], dtype=np.int64),
        labels=np.array([x.label for x in instances], dtype=np.int64),
        is_crowd=np.array([x.is_crowd for x in instances], dtype=bool),
        areas=np.array([x.area for x in instances], dtype=np.float64),
        occlusion=None if np.isnan(occlusion).all() else occlusion,
        masks=[x.rle for x in instances],
    )
