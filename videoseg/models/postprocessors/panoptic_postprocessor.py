"""Panoptic segments of a window."""

import torch
from torch import Tensor

from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction, ClipSegments, FrameMeta

from .base_postprocessor import BasePostprocessor
from .candidates import Candidates, select_candidates
from .panoptic_merge import fill_void, paint_in_turn, paint_jointly
from .resize import enlarge
from .tracker_boxes import BOX_SOURCES, boxes_of_map, semantic_things


@MODELS.register_module()
class PanopticPostprocessor(BasePostprocessor):
    """Queries to a panoptic map without overlaps (``specs/video_knet.md`` 1.6 and 2.6).

    The published methods are ``candidates='pairs', merge='joint'`` (Video K-Net, ``merge_joint=True``),
    ``'pairs', 'sequential'`` (``merge_joint=False``) and ``'best_class', 'joint'`` (K-Net). Queries with a fixed label
    (stuff kernels) are always candidates, whatever their score. Where no query has a fixed label, every query may be
    any class, and several segments may share a stuff class. In a window of several frames pixels are shared out
    frame by frame, and areas are counted over the whole tube.

    Only candidates are resized to the original size, a few at a time.

    Args:
        candidates: ``'pairs'`` (best ``max_per_img`` query-class pairs) or ``'best_class'`` (one class a query).
        merge: ``'joint'`` (competition by score x mask) or ``'sequential'`` (binary masks, first come first served).
        max_per_img: Number of pairs with ``candidates='pairs'``.
        instance_score_thr: Free queries (things) below are no segments.
        overlap_thr: ``'joint'``: least part of its mask that a segment must own.
        iou_thr: ``'sequential'``: largest part of a thing that may already be taken.
        stuff_max_area: ``'sequential'``: least number of free pixels a frame of a stuff segment.
        void_fill: Pixels that nobody kept: ``'none'`` leaves them void, as published; ``'kept'`` gives them to the best
            kept segment by score x mask.
        box_source: Boxes for the tracker from the ``'mask'``, or from ``'mask_and_semantic'``: only its pixels where
            the dense branch sees a thing (Video K-Net).
        compat: Original behaviour: things below ``instance_score_thr`` still compete for pixels, which then stay void
            (by default they are dropped before and never resized), and the semantic filter stretches the padded
            logits over the image (defect 2 of ``specs/video_knet.md``).

    Raises:
        ValueError: If an argument is none of its choices.
    """

    def __init__(
        self,
        candidates: str = 'pairs',
        merge: str = 'joint',
        max_per_img: int = 100,
        instance_score_thr: float = 0.25,
        overlap_thr: float = 0.6,
        iou_thr: float = 0.5,
        stuff_max_area: int = 4096,
        void_fill: str = 'none',
        box_source: str = 'mask',
        compat: bool = False,
    ) -> None:
        super().__init__()
        self._check_choice('candidates', candidates, ('pairs', 'best_class'))
        self._check_choice('merge', merge, ('joint', 'sequential'))
        self._check_choice('void_fill', void_fill, ('none', 'kept'))
        self._check_choice('box_source', box_source, BOX_SOURCES)
        self.candidates = candidates
        self.merge = merge
        self.max_per_img = max_per_img
        self.instance_score_thr = instance_score_thr
        self.overlap_thr = overlap_thr
        self.iou_thr = iou_thr
        self.stuff_max_area = stuff_max_area
        self.void_fill = void_fill
        self.box_source = box_source
        self.compat = compat

    def segment(self, prediction: ClipPrediction, meta: FrameMeta) -> ClipSegments:
        """Segments of one clip at ``meta.ori_shape``, rows in painting order, with ``segment_map`` and ``boxes``."""
        candidates = select_candidates(prediction, self.candidates, self.max_per_img)
        if not self.compat:
            candidates = candidates.select(candidates.fixed | (candidates.scores >= self.instance_score_thr))
        segments = self.paint(
            prediction.mask_logits[0], candidates, prediction.num_things, meta, prediction.mask_upsample
        )
        segments.boxes = self._boxes(segments, prediction, meta)
        return segments

    def paint(
        self, mask_logits: Tensor, candidates: Candidates, num_things: int, meta: FrameMeta, upsample: int = 1
    ) -> ClipSegments:
        """Share the pixels out among ranked candidates.

        Args:
            mask_logits: (N, T, h, w) of all queries of one clip.
            candidates: Ranked candidates on the CPU.
            num_things: Labels below are things.
            meta: Sizes.
            upsample: ``ClipPrediction.mask_upsample``; only candidates are enlarged.

        Returns:
            Segments without boxes.
        """
        device, frames = mask_logits.device, mask_logits.shape[1]
        if not len(candidates):
            order = torch.zeros(0, dtype=torch.long)
            segment_map = torch.zeros((frames, *meta.ori_shape), dtype=torch.int32, device=device)
        else:
            logits = enlarge(mask_logits[candidates.query.to(device)], upsample)
            if self.merge == 'joint':
                order, segment_map = paint_jointly(logits, candidates, meta, self.overlap_thr, self.instance_score_thr)
            else:
                order, segment_map = paint_in_turn(
                    logits, candidates, meta, self.iou_thr, self.stuff_max_area, self.instance_score_thr
                )
        kept = candidates.select(order)
        query, scores = kept.query.to(device), kept.scores.to(device)
        if self.void_fill == 'kept':
            segment_map = fill_void(enlarge(mask_logits[query], upsample), scores, meta, segment_map)
        labels = kept.labels.to(device)
        return ClipSegments(
            labels=labels, scores=scores, is_thing=labels < num_things, query_index=query, segment_map=segment_map
        )

    def _boxes(self, segments: ClipSegments, prediction: ClipPrediction, meta: FrameMeta) -> Tensor:
        last = segments.segment_map[-1]
        if self.box_source == 'mask_and_semantic':
            last = last * semantic_things(prediction, meta, stretch_padded=self.compat)
        return boxes_of_map(last, len(segments))
