"""Ground truth of a clip as integer maps, for decoders that predict maps."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmdet.structures import DetDataSample
from torch import Tensor

from videoseg.structures.ids import VOID_LABEL

ID_CONVENTIONS = ('things', 'segments')
ID_DRAWS = ('random', 'shuffle')


class MapTargets(NamedTuple):
    """Maps of T frames at the size of the masks.

    Attributes:
        labels: (T, h, w) int64 model labels, 255 = void.
        keys: (T, h, w) int64, whose pixel it is over the clip: 0 = nobody's; objects are their ``instances_ids``, stuff
            classes that have an identity are negative.
        valid: (T, h, w) bool, false in the padding.
    """

    labels: Tensor
    keys: Tensor
    valid: Tensor


def nearest_index(size: int, source: int, device: torch.device | None = None) -> Tensor:
    """Of every cell of an axis of ``size`` cells the pixel at its centre on an axis of ``source`` pixels: (size,)."""
    return ((torch.arange(size, device=device) + 0.5) * source / size).long()


def make_map_targets(
    frames: Sequence[DetDataSample], size: tuple[int, int], num_things: int, num_stuff: int, identities: str = 'things'
) -> MapTargets:
    """Labels and identities of padded frames, sampled at the centres of the mask cells (nearest neighbour).

    Nothing is ever averaged, so no label and no identity appears that the ground truth does not have.

    Args:
        frames: Samples with ``gt_instances`` (labels, masks, instances_ids) and, with stuff, ``gt_sem_seg``.
        size: (h, w) of the masks, of the padded frame.
        num_things: Number of thing classes.
        num_stuff: Number of stuff classes; 0 makes all stuff void.
        identities: Which pixels have one: ``'things'`` (video panoptic) or all ``'segments'`` (panoptic images).
    """
    rows: list[tuple[Tensor, Tensor, Tensor]] = []
    for frame in frames:
        instances, masks = frame.gt_instances, frame.gt_instances.masks
        canvas, device = masks.shape[-2:], masks.device
        y, x = nearest_index(size[0], canvas[0], device), nearest_index(size[1], canvas[1], device)
        if num_stuff or 'gt_sem_seg' in frame:
            labels = frame.gt_sem_seg.sem_seg[0][y][:, x].long()
        else:
            labels = torch.full(size, VOID_LABEL, device=device)
        is_stuff = (labels >= num_things) & (labels < num_things + num_stuff)
        labels = torch.where(is_stuff, labels, VOID_LABEL)
        keys = torch.where(is_stuff, -1 - labels, 0) if identities == 'segments' else torch.zeros_like(labels)
        if len(instances):
            masks = masks[:, y][:, :, x].bool()
            owner, covered = masks.byte().argmax(0), masks.any(0)
            labels = torch.where(covered, instances.labels.long()[owner], labels)
            keys = torch.where(covered, instances.instances_ids.to(labels)[owner], keys)
        height, width = frame.metainfo['img_shape'][:2]
        rows.append((labels, keys, (y < height)[:, None] & (x < width)))
    return MapTargets(*(torch.stack(column) for column in zip(*rows, strict=True)))


def draw_id_codes(
    keys: Tensor, num_ids: int, draw: str, generator: torch.Generator | None = None, where: str = 'a clip'
) -> Tensor:
    """Give every identity of a clip a code, one draw for all its frames.

    Source: ``specs/pix2seq_d.md`` section 7.

    Args:
        keys: (T, h, w) identities, 0 = none.
        num_ids: Codes 1 to ``num_ids`` can be given.
        draw: ``'random'`` from all of them, or ``'shuffle'`` of 1 to the number of identities.
        generator: Of the CPU; None is torch's global one.
        where: Name of the clip, for messages.

    Returns:
        (T, h, w) codes, 0 = none.

    Raises:
        ValueError: If there are more identities than codes.
    """
    unique, inverse = keys.unique(return_inverse=True)
    present = unique != 0
    count = int(present.sum())
    if count > num_ids:
        raise ValueError(
            f'{where}: {count} identities, but the code book has {num_ids}: raise decoder.codec.num_id_bits (and '
            'max_ids, if it is set), or train on smaller crops'
        )
    codes = torch.randperm(num_ids if draw == 'random' else count, generator=generator)[:count] + 1
    table = torch.zeros_like(unique)
    table[present] = codes.to(unique)
    return table[inverse]
