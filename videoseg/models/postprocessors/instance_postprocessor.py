"""Instances of a window, which may overlap."""

import torch
from torch import Tensor

from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction, ClipSegments, FrameMeta

from .candidates import top_pairs
from .resize import RESIZES, binary_masks, check_choice, check_single, enlarge
from .tracker_boxes import boxes_of_masks


@MODELS.register_module()
class InstancePostprocessor:
    """The best (query, class) pairs with their binary masks (``specs/video_knet.md`` 1.6, *Instance*).

    One mask may appear under several classes; the score is the class score. Fixed (stuff) queries are left out.

    Args:
        max_per_img: Number of pairs.
        mask_thr: Pixels with a larger probability belong to the mask.
        score_thr: Pairs below are dropped.
        resize: What of the masks is interpolated to full size, ``'probs'`` (K-Net) or ``'logits'`` (Mask2Former).

    Raises:
        ValueError: For an unknown ``resize``.

    Attributes:
        only_things: Stuff is no segment.
        repeats_queries: One query may be several segments.
    """

    only_things = repeats_queries = True

    def __init__(
        self, max_per_img: int = 100, mask_thr: float = 0.5, score_thr: float = 0.0, resize: str = 'probs'
    ) -> None:
        check_choice('InstancePostprocessor: resize', resize, RESIZES)
        self.max_per_img = max_per_img
        self.mask_thr = mask_thr
        self.score_thr = score_thr
        self.resize = resize

    def __call__(self, prediction: ClipPrediction, meta: FrameMeta) -> ClipSegments:
        """Segments by descending score with ``masks`` (S, T, H, W) and ``boxes``.

        Args:
            prediction: One clip (B = 1).
            meta: Sizes.

        Raises:
            ValueError: If the prediction holds more than one clip.
        """
        check_single(prediction.mask_logits.shape[0])
        scores = prediction.class_scores()[0].float()
        packed = torch.cat([scores, prediction.fixed_labels.to(scores)[:, None]], 1).cpu()
        scores, fixed = packed[:, :-1], packed[:, -1].long()
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
