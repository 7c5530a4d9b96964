"""Ground truth of a packed frame as a panoptic map."""

import numpy as np
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from videoseg.structures.ids import DIVISOR, VOID_ID, VOID_LABEL, encode_ids
from videoseg.structures.rle import decode_masks


def panoptic_from_ground_truth(sample: DetDataSample) -> np.ndarray | None:
    """Panoptic ids of one frame's ground truth, from whichever form it has.

    Args:
        sample: With ``gt_panoptic_seg``, or with ``gt_sem_seg``, or ``gt_instances`` (masks as a tensor or, at test
            time, as RLEs), or both. Thing pixels of the semantic map outside all masks become crowd (instance 0).

    Returns:
        (H, W) int32 panoptic ids, or None if the frame has no ground truth.
    """
    if 'gt_panoptic_seg' in sample:
        return sample.gt_panoptic_seg.panoptic_seg[0].cpu().numpy().astype(np.int32)
    instances = sample.gt_instances if 'gt_instances' in sample else None
    masks = None if instances is None else _dense_masks(sample, instances)
    if 'gt_sem_seg' in sample:
        labels = sample.gt_sem_seg.sem_seg[0].cpu().numpy().astype(np.int32)
        panoptic = np.where(labels == VOID_LABEL, VOID_ID, encode_ids(labels, np.int32(0))).astype(np.int32)
    elif instances is not None:
        panoptic = np.full(masks.shape[-2:], VOID_ID, np.int32)
    else:
        return None
    if instances is not None and len(instances):
        ids = encode_ids(instances.labels.cpu().numpy(), instances.instances_ids.cpu().numpy() % DIVISOR)
        for mask, panoptic_id in zip(masks, ids, strict=True):
            panoptic[mask > 0] = panoptic_id
    return panoptic


def _dense_masks(sample: DetDataSample, instances: InstanceData) -> np.ndarray:
    """(n, H, W) masks, 0 = outside."""
    if isinstance(instances.masks, list):
        return decode_masks(instances.masks, sample.ori_shape)
    return instances.masks.cpu().numpy()
