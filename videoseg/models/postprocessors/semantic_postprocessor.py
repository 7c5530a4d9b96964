"""Semantic maps of a window."""

import torch

from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction, ClipSegments, FrameMeta

from .base_postprocessor import BasePostprocessor
from .resize import RESIZES, enlarge, full_size_chunks, resize_to_original
from .tracker_boxes import boxes_of_map


@MODELS.register_module()
class SemanticPostprocessor(BasePostprocessor):
    """One segment a class: argmax over classes of the sum over queries of class score x mask.

    As in ``specs/tube_link.md`` 3.4; a query with a fixed label counts for that class only. There are no identities in
    a semantic result: ``is_thing`` is False everywhere, ``query_index`` -1, and the score is the mean winning value of
    the segment, limited to 1.

    Args:
        source: ``'queries'``, or ``'semantic_logits'``: argmax of the decoder's dense branch, resized as logits, with
            soft-max probabilities as values (as mmseg reads out its models).
        resize: What of the queries' masks is interpolated: ``'probs'`` is much cheaper, because the sum over queries
            is then made at the small size; ``'logits'`` as published for Tube-Link.

    Raises:
        ValueError: For an unknown ``source`` or ``resize``.
    """

    def __init__(self, source: str = 'queries', resize: str = 'probs') -> None:
        super().__init__()
        self._check_choice('source', source, ('queries', 'semantic_logits'))
        self._check_choice('resize', resize, RESIZES)
        self.source = source
        self.resize = resize

    def segment(self, prediction: ClipPrediction, meta: FrameMeta) -> ClipSegments:
        """Segments of one clip, by ascending label, with ``segment_map`` and ``boxes``.

        Raises:
            ValueError: If there are no ``semantic_logits`` to read from.
        """
        scores = prediction.class_scores()[0].float()
        num_labels = scores.shape[1]
        fixed = prediction.fixed_labels[:, None]
        columns = torch.arange(num_labels, device=scores.device)
        scores = scores * ((fixed < 0) | (fixed == columns))
        if self.source == 'semantic_logits' and prediction.semantic_logits is None:
            raise ValueError("the decoder gives no semantic_logits: set SemanticPostprocessor(source='queries')")
        values, maps = [], []
        for t in range(prediction.mask_logits.shape[2]):
            if self.source == 'semantic_logits':
                value, label = self._dense(prediction.semantic_logits[0, :num_labels, t], meta)
            else:
                logits = enlarge(prediction.mask_logits[0, :, t : t + 1], prediction.mask_upsample)[:, 0]
                value, label = self._argmax(logits, scores, meta)
            values.append(value)
            maps.append(label)
        label_map, value = torch.stack(maps), torch.stack(values)
        area = torch.bincount(label_map.flatten(), minlength=num_labels)
        labels = area.nonzero()[:, 0]
        sums = torch.stack([torch.where(label_map == label, value, 0).sum() for label in labels])
        table = torch.zeros(num_labels, dtype=torch.int32, device=scores.device)
        table[labels] = torch.arange(1, len(labels) + 1, dtype=torch.int32, device=scores.device)
        segment_map = table[label_map]
        return ClipSegments(
            labels=labels,
            scores=(sums / area[labels]).clamp(max=1),
            is_thing=torch.zeros_like(labels, dtype=torch.bool),
            query_index=torch.full_like(labels, -1),
            segment_map=segment_map,
            boxes=boxes_of_map(segment_map[-1], len(labels)),
        )

    @staticmethod
    def _dense(logits: torch.Tensor, meta: FrameMeta) -> tuple[torch.Tensor, torch.Tensor]:
        """Winning probability and label (H, W) of one frame's logits (K, h, w)."""
        logits = resize_to_original(logits.float(), meta)
        best, label = logits.max(0)
        return (best - logits.logsumexp(0)).exp(), label

    def _argmax(
        self, mask_logits: torch.Tensor, scores: torch.Tensor, meta: FrameMeta
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Winning value and label (H, W) of one frame: (N, h, w) logits, (N, K) scores.

        The sum over queries commutes with the (linear) resizing of probabilities, and is then made at the small size.
        """
        if self.resize == 'logits':
            class_maps = torch.zeros((scores.shape[1], *meta.ori_shape), device=scores.device)
            for start, probs in full_size_chunks(mask_logits, meta, self.resize):
                class_maps += torch.einsum('nk,nhw->khw', scores[start : start + probs.shape[0]], probs)
            return class_maps.max(0)
        class_maps = torch.einsum('nk,nhw->khw', scores, mask_logits.float().sigmoid())
        return resize_to_original(class_maps, meta).max(0)
