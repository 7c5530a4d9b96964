"""Pixels to candidates: the merging rules of K-Net and Video K-Net (``specs/video_knet.md`` 1.6)."""

import torch
from torch import Tensor

from videoseg.structures import FrameMeta

from .candidates import Candidates
from .resize import full_size_chunks, full_size_probs


def compete(
    mask_logits: Tensor, scores: Tensor, meta: FrameMeta, mask_thr: float | None = None
) -> tuple[Tensor, Tensor]:
    """The candidate with the largest score x mask at every pixel, the first of equals.

    Args:
        mask_logits: (C, T, h, w), C >= 1.
        scores: (C,) on the same device.
        meta: Sizes.
        mask_thr: Where given, count the pixels of each mask that reach it.

    Returns:
        Owners (T, H, W) int32 and pixels of each whole mask over all frames (C,) int64 (zeros without ``mask_thr``).
    """
    num, frames = mask_logits.shape[:2]
    full = torch.zeros(num, dtype=torch.long, device=mask_logits.device)
    owners = []
    for t in range(frames):
        best = owner = None
        for start, probs in full_size_chunks(mask_logits[:, t], meta):
            stop = start + probs.shape[0]
            if mask_thr is not None:
                full[start:stop] += (probs >= mask_thr).flatten(1).sum(1)
            value, index = (probs * scores[start:stop, None, None]).max(0)
            index = (index + start).int()
            if best is None:
                best, owner = value, index
            else:
                owner = torch.where(value > best, index, owner)
                best = torch.maximum(value, best)
        owners.append(owner)
    return torch.stack(owners), full


def paint_jointly(
    mask_logits: Tensor, candidates: Candidates, meta: FrameMeta, overlap_thr: float, min_score: float
) -> tuple[Tensor, Tensor]:
    """All candidates compete for every pixel; who keeps too little of its mask is rejected and leaves void.

    Areas are counted over all frames of the window.

    Args:
        mask_logits: (C, T, h, w) of the candidates.
        candidates: C candidates.
        meta: Sizes.
        overlap_thr: Least part of its own mask (probability >= 0.5) that a segment must own.
        min_score: Free candidates below take part but are never painted.

    Returns:
        Accepted candidates in painting order (by descending score), on the CPU, and the map (T, H, W) int32 with
        1 + position in that order, 0 = void.
    """
    owner, full = compete(mask_logits, candidates.scores.to(mask_logits.device), meta, mask_thr=0.5)
    area = torch.bincount(owner.flatten(), minlength=len(candidates))
    area, full = torch.stack([area, full]).cpu().double()
    accepted = (area > 0) & (full > 0) & (area / full.clamp(min=1) >= overlap_thr)
    accepted &= candidates.fixed | (candidates.scores >= min_score)
    order = candidates.scores.argsort(descending=True, stable=True)
    order = order[accepted[order]]
    table = torch.zeros(len(candidates), dtype=torch.int32)
    table[order] = torch.arange(1, len(order) + 1, dtype=torch.int32)
    return order, table.to(owner.device)[owner.long()]


def paint_in_turn(
    mask_logits: Tensor, candidates: Candidates, meta: FrameMeta, iou_thr: float, stuff_max_area: int, min_score: float
) -> tuple[Tensor, Tensor]:
    """Binary masks take free pixels one after the other, free queries first, both by descending score.

    A free candidate is dropped if more than ``iou_thr`` of its mask is already taken; a fixed one if fewer than
    ``stuff_max_area`` free pixels a frame (mean over the window) are left to it. Results as in :func:`paint_jointly`.
    The decisions stay on the device: one copy at the end.
    """
    frames = mask_logits.shape[1]
    canvas = torch.zeros((frames, *meta.ori_shape), dtype=torch.int32, device=mask_logits.device)
    accepted = torch.zeros(len(candidates), dtype=torch.bool, device=mask_logits.device)
    for row in range(len(candidates)):
        mask = full_size_probs(mask_logits[row], meta) > 0.5
        free = mask & (canvas == 0)
        area, left = mask.sum(), free.sum()
        if candidates.fixed[row]:
            accepted[row] = left >= max(1, stuff_max_area * frames)
        elif candidates.scores[row] >= min_score:
            accepted[row] = (left > 0) & (area - left <= iou_thr * area)
        else:
            continue
        canvas = torch.where(free & accepted[row], row + 1, canvas)
    order = accepted.cpu().nonzero()[:, 0]
    table = torch.zeros(len(candidates) + 1, dtype=torch.int32)
    table[order + 1] = torch.arange(1, len(order) + 1, dtype=torch.int32)
    return order, table.to(canvas.device)[canvas.long()]


def fill_void(mask_logits: Tensor, scores: Tensor, meta: FrameMeta, segment_map: Tensor) -> Tensor:
    """Give every void pixel to the best of the kept segments by score x mask.

    Args:
        mask_logits: (S, T, h, w) of the kept segments in map order.
        scores: (S,) on the same device.
        meta: Sizes.
        segment_map: (T, H, W) int32, 0 = void.
    """
    if not mask_logits.shape[0]:
        return segment_map
    owner, _ = compete(mask_logits, scores, meta)
    return torch.where(segment_map == 0, owner + 1, segment_map)
