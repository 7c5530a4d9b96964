"""Ground truth of a packed frame as a panoptic map."""

import numpy as np
from mmdet.structures import DetDataSample

from videoseg.structures.ids import DIVISOR, VOID_ID, VOID_LABEL, encode_ids


def panoptic_from_ground_truth(sample: DetDataSample) -> np.ndarray | None:
    """Panoptic ids of one frame's ground truth, from whichever form it has.

    Args:
        sample: Either with ``gt_panoptic_seg`` (test) or with ``gt_sem_seg`` and ``gt_instances`` (training). Thing
            pixels of the semantic map outside all masks become crowd (instance 0).

    Returns:
        (H, W) int32 panoptic ids, or None if the frame has no ground truth.
    """
    if 'gt_panoptic_seg' in sample:
        return sample.gt_panoptic_seg.panoptic_seg[0].cpu().numpy().astype(np.int32)
    instances = sample.gt_instances if 'gt_instances' in sample else None
    if 'gt_sem_seg' in sample:
        labels = sample.gt_sem_seg.sem_seg[0].cpu().numpy().astype(np.int32)
        panoptic = np.where(labels == VOID_LABEL, VOID_ID, encode_ids(labels, np.int32(0))).astype(np.int32)
    elif instances is not None:
        panoptic = np.full(tuple(instances.masks.shape[-2:]), VOID_ID, np.int32)
    else:
        return None
    if instances is not None and len(instances):
        masks = instances.masks.cpu().numpy()
        ids = encode_ids(instances.labels.cpu().numpy(), instances.instances_ids.cpu().numpy() % DIVISOR)
        for mask, panoptic_id in zip(masks, ids, strict=True):
            panoptic[mask > 0] = panoptic_id
    return panoptic
