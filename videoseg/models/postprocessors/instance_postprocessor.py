"""Instances of a window, which may overlap."""

import torch
from torch import Tensor

from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction, ClipSegments, FrameMeta

from .base_postprocessor import BasePostprocessor
from .candidates import class_table, top_pairs
from .resize import RESIZES, binary_masks, enlarge
from .tracker_boxes import boxes_of_masks


@MODELS.register_module()
class InstancePostprocessor(BasePostprocessor):
    """The best (query, class) pairs with their binary masks (``specs/video_knet.md`` 1.6, *Instance*).

    One mask may appear under several classes; the score is the class score. Fixed (stuff) queries are left out.

    Args:
        max_per_img: Number of pairs.
        mask_thr: Pixels with a larger probability belong to the mask.
        score_thr: Pairs below are dropped.
        resize: What of the masks is interpolated to full size, ``'probs'`` (K-Net) or ``'logits'`` (Mask2Former).

    Raises:
        ValueError: For an unknown ``resize``.
    """

    only_things = repeats_queries = True

    def __init__(
        self, max_per_img: int = 100, mask_thr: float = 0.5, score_thr: float = 0.0, resize: str = 'probs'
    ) -> None:
        super().__init__()
        self._check_choice('resize', resize, RESIZES)
        self.max_per_img = max_per_img
        self.mask_thr = mask_thr
        self.score_thr = score_thr
        self.resize = resize

    def segment(self, prediction: ClipPrediction, meta: FrameMeta) -> ClipSegments:
        """Segments by descending score with ``masks`` (S, T, H, W) and ``boxes``."""
        scores, fixed = class_table(prediction)
        free = (fixed < 0).nonzero()[:, 0]
        rows, labels, best = top_pairs(scores[free, : prediction.num_things], self.max_per_img)
        keep = best >= self.score_thr
        device = prediction.mask_logits.device
        query, labels, best = (x[keep].to(device) for x in (free[rows], labels, best))
        masks = self._masks(prediction.mask_logits[0], query, meta, prediction.mask_upsample)
        return ClipSegments(
            labels=labels,
            scores=best,
            is_thing=torch.ones_like(labels, dtype=torch.bool),
            query_index=query,
            masks=masks,
            boxes=boxes_of_masks(masks[:, -1]),
        )

    def _masks(self, mask_logits: Tensor, query: Tensor, meta: FrameMeta, upsample: int) -> Tensor:
        """Binary masks (S, T, H, W) of some queries; a query that appears twice is resized once."""
        unique, inverse = query.unique(return_inverse=True)
        masks, _ = binary_masks(enlarge(mask_logits[unique], upsample), meta, self.mask_thr, self.resize)
        return masks[inverse]
