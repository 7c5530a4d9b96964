"""Ground truth of a frame as the K-Net family wants it."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmdet.structures import DetDataSample
from torch import Tensor
from torch.nn import functional as F

from videoseg.structures.ids import VOID_LABEL


class FrameTargets(NamedTuple):
    """Soft masks at the assignment stride.

    Attributes:
        labels: (G,) thing labels.
        masks: (G, h, w) in [0, 1].
        ids: (G,) identity over time.
        stuff_labels: (S,) present stuff labels, ascending.
        stuff_masks: (S, h, w) in [0, 1].
    """

    labels: Tensor
    masks: Tensor
    ids: Tensor
    stuff_labels: Tensor
    stuff_masks: Tensor


def _shrink(masks: Tensor, stride: int) -> Tensor:
    size = (masks.shape[-2] // stride, masks.shape[-1] // stride)
    if len(masks) == 0:
        return masks.new_zeros((0, *size), dtype=torch.float32)
    if stride == 1:
        return masks.float()
    return F.interpolate(masks[None].float(), size, mode='bilinear', align_corners=False)[0]


def stuff_masks_of(semantic_map: Tensor, num_things: int) -> tuple[Tensor, Tensor]:
    """Present stuff labels (S,), ascending, and their binary masks (S, H, W), of a label map (H, W)."""
    present = torch.unique(semantic_map)
    present = present[(present >= num_things) & (present != VOID_LABEL)]
    return present.long(), semantic_map[None] == present[:, None, None]


def make_frame_targets(
    frames: Sequence[DetDataSample], stride: int, num_things: int, with_stuff: bool = True
) -> list[FrameTargets]:
    """Prepare the ground truth of padded frames.

    Masks are reduced bilinearly to ``(H // stride, W // stride)`` and stay soft (``specs/video_knet.md`` 1.8); what
    lies outside the valid image is void already.

    Args:
        frames: Samples with ``gt_instances`` (labels, masks, instances_ids) and, with stuff, ``gt_sem_seg``.
        stride: Assignment stride in input pixels.
        num_things: Number of thing classes.
        with_stuff: Make stuff targets from ``gt_sem_seg``.

    Returns:
        One entry a frame.
    """
    targets = []
    for frame in frames:
        instances = frame.gt_instances
        masks = _shrink(instances.masks, stride)
        labels = instances.labels.long()
        ids = instances.instances_ids if 'instances_ids' in instances else torch.arange(len(labels)) + 1
        if with_stuff:
            stuff_labels, stuff = stuff_masks_of(frame.gt_sem_seg.sem_seg[0], num_things)
            stuff_masks = _shrink(stuff, stride)
        else:
            stuff_labels, stuff_masks = labels.new_zeros(0), masks[:0]
        targets.append(FrameTargets(labels, masks, ids.to(labels), stuff_labels, stuff_masks))
    return targets
