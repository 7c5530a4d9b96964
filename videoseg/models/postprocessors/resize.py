"""Maps on the padded canvas to the original image size."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from videoseg.structures import FrameMeta

MAX_CHUNK_PIXELS = 1 << 24
"""Float elements of one full-size chunk (64 MiB), whatever the number of queries."""

RESIZES = ('probs', 'logits')


def bilinear(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps (R, h, w) at another size (``align_corners=False``); the same tensor if the size is right already."""
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    return F.interpolate(maps[None], size=tuple(size), mode='bilinear', align_corners=False)[0]


def enlarge(mask_logits: Tensor, factor: int) -> Tensor:
    """Logits (R, T, h, w) enlarged bilinearly by ``ClipPrediction.mask_upsample``, before the sigmoid."""
    if factor == 1 or not mask_logits.shape[0]:
        return mask_logits
    return F.interpolate(mask_logits, scale_factor=factor, mode='bilinear', align_corners=False)


def resize_to_original(maps: Tensor, meta: FrameMeta) -> Tensor:
    """Bilinear to the padded canvas, crop the padding, bilinear to the original size.

    Args:
        maps: (R, h, w) floats that cover the padded network input, at any stride.
        meta: Sizes of the canvas, its valid part and the original image.

    Returns:
        (R, H, W) at ``meta.ori_shape``. Follows ``specs/video_knet.md`` 1.6.
    """
    height, width = meta.img_shape
    maps = bilinear(maps, meta.batch_input_shape)[..., :height, :width]
    return bilinear(maps, meta.ori_shape)


def full_size_probs(mask_logits: Tensor, meta: FrameMeta, resize: str = 'probs') -> Tensor:
    """Mask probabilities (R, H, W) of logits (R, h, w).

    Args:
        mask_logits: Logits on the padded canvas.
        meta: Sizes.
        resize: What is interpolated: ``'probs'`` (K-Net) or ``'logits'``, with the sigmoid at full size (Mask2Former).
    """
    if resize == 'logits':
        return resize_to_original(mask_logits.float(), meta).sigmoid()
    return resize_to_original(mask_logits.float().sigmoid(), meta)


def full_size_chunks(mask_logits: Tensor, meta: FrameMeta, resize: str = 'probs') -> Iterator[tuple[int, Tensor]]:
    """Mask probabilities of many queries, a few at a time, so that memory does not grow with their number.

    Args:
        mask_logits: (R, h, w) on the padded canvas.
        meta: Sizes.
        resize: See :func:`full_size_probs`.

    Yields:
        Index of the chunk's first row, and its probabilities (r, H, W).
    """
    largest = max(shape[0] * shape[1] for shape in (meta.ori_shape, meta.batch_input_shape))
    rows = max(1, MAX_CHUNK_PIXELS // largest)
    for start in range(0, mask_logits.shape[0], rows):
        yield start, full_size_probs(mask_logits[start : start + rows], meta, resize)


def binary_masks(mask_logits: Tensor, meta: FrameMeta, mask_thr: float, resize: str) -> tuple[Tensor, Tensor]:
    """Masks at the original size, and how sure they are.

    Args:
        mask_logits: (R, T, h, w) on the padded canvas.
        meta: Sizes.
        mask_thr: Pixels with a larger probability belong to the mask.
        resize: See :func:`full_size_probs`.

    Returns:
        Masks (R, T, H, W) bool, and the mean probability inside each, (R, T) float, 0 where it is empty.
    """
    rows, frames = mask_logits.shape[:2]
    masks = torch.zeros((rows, frames, *meta.ori_shape), dtype=torch.bool, device=mask_logits.device)
    quality = torch.zeros((rows, frames), device=mask_logits.device)
    for t in range(frames):
        for start, probs in full_size_chunks(mask_logits[:, t], meta, resize):
            chunk, inside = slice(start, start + probs.shape[0]), probs > mask_thr
            masks[chunk, t] = inside
            quality[chunk, t] = (probs * inside).flatten(1).sum(1) / inside.flatten(1).sum(1).clamp(min=1)
    return masks, quality


def arange_like(size: int, reference: Tensor) -> Tensor:
    """0, 1, ... ``size`` - 1 as int64 on the device of ``reference``."""
    return torch.arange(size, device=reference.device)
