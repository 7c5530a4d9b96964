"""Panoptic segments of a window by Mask2Former's rule."""

import torch
from torch import Tensor

from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction, ClipSegments, FrameMeta

from .base_postprocessor import BasePostprocessor
from .candidates import Candidates, select_candidates
from .panoptic_merge import paint_frames
from .resize import RESIZES, enlarge
from .tracker_boxes import boxes_of_map


@MODELS.register_module()
class QueryPanopticPostprocessor(BasePostprocessor):
    """Queries to a panoptic map, frame by frame, as Mask2Former and Tube-Link do (``specs/tube_link.md`` 3.1).

    Every query stands for its best class; those that are most likely nothing are left out. The rest compete for each
    pixel by score x mask, and in each frame a query is painted if it wins enough of its own mask there. A segment is a
    query that was painted in any frame. Unlike :class:`PanopticPostprocessor` stuff may be rejected like things, and
    areas are not summed over the window. Queries are selected before they are resized.

    Args:
        object_mask_thr: Least score, exclusive, of a query.
        overlap_thr: Least part of its mask (probability >= 0.5) that a query must win to be painted (``iou_thr`` of the
            original).
        filter_low_score: A segment keeps only those of its pixels that are in its mask.
        competitors: ``'confident'``: queries above ``object_mask_thr``, rows in query order (the original's
            ``with_query``). ``'all'``: whatever their score; things below it then leave their pixels void, stuff is
            painted all the same, rows by descending score (``sort_with_query``, to be used with
            ``filter_low_score=False``).
        resize: What of the masks is interpolated to full size, ``'logits'`` as published or ``'probs'``.
        compat: Original behaviour: a thing that was painted without a pixel left (``filter_low_score``) is a segment
            for the tracker, and a frame without things makes the window forget the things painted before it (Q4): they
            are no things for the tracker and keep their query number + 1 as identity, which collides with track ids.

    Raises:
        ValueError: If an argument is none of its choices.
    """

    def __init__(
        self,
        object_mask_thr: float = 0.8,
        overlap_thr: float = 0.8,
        filter_low_score: bool = True,
        competitors: str = 'confident',
        resize: str = 'logits',
        compat: bool = False,
    ) -> None:
        super().__init__()
        self._check_choice('competitors', competitors, ('confident', 'all'))
        self._check_choice('resize', resize, RESIZES)
        self.object_mask_thr = object_mask_thr
        self.overlap_thr = overlap_thr
        self.filter_low_score = filter_low_score
        self.competitors = competitors
        self.resize = resize
        self.compat = compat

    def segment(self, prediction: ClipPrediction, meta: FrameMeta) -> ClipSegments:
        """Segments of one clip at ``meta.ori_shape``, with ``segment_map`` and ``boxes``."""
        candidates = self._candidates(prediction)
        device, frames = prediction.mask_logits.device, prediction.mask_logits.shape[2]
        if len(candidates):
            logits = enlarge(prediction.mask_logits[0, candidates.query.to(device)], prediction.mask_upsample)
            accepted, owner_map = paint_frames(
                logits,
                candidates,
                meta,
                self.overlap_thr,
                self.object_mask_thr,
                self.filter_low_score,
                self.resize,
            )
        else:
            accepted = torch.zeros((frames, 0), dtype=torch.bool)
            owner_map = torch.zeros((frames, *meta.ori_shape), dtype=torch.int32, device=device)
        is_segment = accepted.any(0)
        if not self.compat:
            is_segment &= torch.bincount(owner_map.flatten(), minlength=len(candidates) + 1)[1:].cpu() > 0
        kept = candidates.select(is_segment)
        table = torch.zeros(len(candidates) + 1, dtype=torch.int32)
        table[1:][is_segment] = torch.arange(1, len(kept) + 1, dtype=torch.int32)
        segment_map = table.to(device)[owner_map.long()]
        segments = ClipSegments(
            labels=kept.labels.to(device),
            scores=kept.scores.to(device),
            is_thing=kept.labels.to(device) < prediction.num_things,
            query_index=kept.query.to(device),
            segment_map=segment_map,
            boxes=boxes_of_map(segment_map[-1], len(kept)),
        )
        if self.compat:
            _forget_before_empty_frame(segments, accepted[:, is_segment].to(device))
        return segments

    def _candidates(self, prediction: ClipPrediction) -> Candidates:
        """Queries that compete, in painting order; ``fixed`` are those that no score rules out."""
        candidates = select_candidates(prediction, 'best_class', max_per_img=0)
        keep = torch.ones(len(candidates), dtype=torch.bool)
        if prediction.activation == 'softmax':
            nothing = prediction.class_logits[0].float().softmax(-1)[:, -1].cpu()
            keep &= candidates.scores >= nothing[candidates.query]
        if self.competitors == 'confident':
            keep &= candidates.scores > self.object_mask_thr
            order = candidates.query.argsort()
        else:
            order = candidates.scores.argsort(descending=True, stable=True)
        candidates = candidates.select(order[keep[order]])
        candidates.fixed = candidates.labels >= prediction.num_things
        return candidates


def _forget_before_empty_frame(segments: ClipSegments, accepted: Tensor) -> None:
    """Defect Q4: only things of frames after the last one without things are tracked, the rest keep query numbers.

    Args:
        segments: S segments; ``is_thing`` and ``track_ids`` are changed.
        accepted: (T, S) bool, painted in that frame.
    """
    things = accepted & segments.is_thing
    empty = (~things.any(1)).nonzero()[:, 0]
    collected = things[int(empty[-1]) + 1 if len(empty) else 0 :].any(0)
    forgotten = segments.is_thing & ~collected
    segments.track_ids = torch.where(forgotten, segments.query_index + 1, 0)
    segments.is_thing = collected
