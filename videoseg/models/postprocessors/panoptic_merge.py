"""Pixels to candidates: the merging rules of K-Net and Video K-Net (``specs/video_knet.md`` 1.6), and Mask2Former's."""

from typing import NamedTuple

import torch
from torch import Tensor

from videoseg.structures import FrameMeta

from .candidates import Candidates
from .resize import full_size_chunks, full_size_probs


class Contest(NamedTuple):
    """Who won which pixel.

    Attributes:
        owner: (T, H, W) int32, candidate of every pixel.
        inside: (T, H, W) bool, the pixel belongs to its owner's own mask; all False without a threshold.
        full: (T, C) int64 pixels of each whole mask; zeros without a threshold.
    """

    owner: Tensor
    inside: Tensor
    full: Tensor

    def won(self) -> Tensor:
        """Pixels that each candidate owns, (T, C) int64."""
        frames, num = self.full.shape
        rows = torch.arange(frames, device=self.owner.device) * num
        return torch.bincount((self.owner.long() + rows[:, None, None]).flatten(), minlength=frames * num).view(-1, num)


def compete(
    mask_logits: Tensor, scores: Tensor, meta: FrameMeta, mask_thr: float | None = None, resize: str = 'probs'
) -> Contest:
    """The candidate with the largest score x mask at every pixel, the first of equals.

    Args:
        mask_logits: (C, T, h, w), C >= 1.
        scores: (C,) on the same device.
        meta: Sizes.
        mask_thr: Where given, count the pixels of each mask that reach it.
        resize: See :func:`~videoseg.models.postprocessors.resize.full_size_probs`.
    """
    num, frames = mask_logits.shape[:2]
    full = torch.zeros((frames, num), dtype=torch.long, device=mask_logits.device)
    owners, insides = [], []
    for t in range(frames):
        best = None
        for start, probs in full_size_chunks(mask_logits[:, t], meta, resize):
            stop = start + probs.shape[0]
            value, index = (probs * scores[start:stop, None, None]).max(0)
            if mask_thr is None:
                own = torch.zeros_like(index, dtype=torch.bool)
            else:
                in_mask = probs >= mask_thr
                full[t, start:stop] = in_mask.flatten(1).sum(1)
                own = in_mask.gather(0, index[None])[0]
            index = (index + start).int()
            if best is None:
                best, owner, inside = value, index, own
            else:
                wins = value > best
                owner, inside = torch.where(wins, index, owner), torch.where(wins, own, inside)
                best = torch.maximum(value, best)
        owners.append(owner)
        insides.append(inside)
    return Contest(torch.stack(owners), torch.stack(insides), full)


def _accepted(won: Tensor, full: Tensor, candidates: Candidates, overlap_thr: float, min_score: float) -> Tensor:
    """Which candidates (..., C) keep enough of their mask and are good enough; one device-to-host copy."""
    area, full = torch.stack([won, full]).cpu().double()
    accepted = (area > 0) & (full > 0) & (area / full.clamp(min=1) >= overlap_thr)
    return accepted & (candidates.fixed | (candidates.scores >= min_score))


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
    contest = compete(mask_logits, candidates.scores.to(mask_logits.device), meta, mask_thr=0.5)
    accepted = _accepted(contest.won().sum(0), contest.full.sum(0), candidates, overlap_thr, min_score)
    order = candidates.scores.argsort(descending=True, stable=True)
    order = order[accepted[order]]
    table = torch.zeros(len(candidates), dtype=torch.int32)
    table[order] = torch.arange(1, len(order) + 1, dtype=torch.int32)
    return order, table.to(contest.owner.device)[contest.owner.long()]


def paint_frames(
    mask_logits: Tensor,
    candidates: Candidates,
    meta: FrameMeta,
    overlap_thr: float,
    min_score: float,
    only_inside: bool,
    resize: str,
) -> tuple[Tensor, Tensor]:
    """As :func:`paint_jointly`, but a candidate is accepted or rejected in every frame by itself.

    Args:
        mask_logits: See :func:`paint_jointly`.
        candidates: C candidates in painting order.
        meta: Sizes.
        overlap_thr: See :func:`paint_jointly`; of each frame's mask.
        min_score: See :func:`paint_jointly`.
        only_inside: A segment keeps only those of its pixels that are in its own mask (probability >= 0.5), after it
            was accepted.
        resize: See :func:`~videoseg.models.postprocessors.resize.full_size_probs`.

    Returns:
        In which frames each candidate was accepted, (T, C) bool on the CPU, and the map (T, H, W) int32 with 1 + number
        of the candidate, 0 = void.
    """
    contest = compete(mask_logits, candidates.scores.to(mask_logits.device), meta, 0.5, resize)
    accepted = _accepted(contest.won(), contest.full, candidates, overlap_thr, min_score)
    owner = contest.owner.long()
    painted = accepted.to(owner.device).gather(1, owner.flatten(1)).view_as(owner)
    if only_inside:
        painted = painted & contest.inside
    return accepted, torch.where(painted, contest.owner + 1, 0)


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
    owner = compete(mask_logits, scores, meta).owner
    return torch.where(segment_map == 0, owner + 1, segment_map)
