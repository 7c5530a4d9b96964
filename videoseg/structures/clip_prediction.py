"""What a kernel or query decoder predicts for a window."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor


@dataclass
class ClipPrediction:
    """One class and one query vector per query for all T frames of a window.

    Class labels are model labels: things first, then stuff.

    Attributes:
        class_logits: (B, N, K) for ``activation='sigmoid'``, (B, N, K+1) for ``'softmax'`` (last = no object).
        mask_logits: (B, N, T, h, w) on the padded canvas at any stride.
        mask_upsample: Integer factor by which ``mask_logits`` of survivors are enlarged bilinearly, as logits, before
            anything else (K-Net predicts at stride 8 and was trained at stride 4 or 2).
        queries: (B, N, C) raw query vectors (kernels).
        activation: ``'sigmoid'`` or ``'softmax'``, for ``class_logits``.
        fixed_labels: (N,) label of queries whose class is fixed (stuff kernels), -1 where it is free.
        num_things: Number of thing classes.
        embeddings: (B, N, D) association vectors, or None if the decoder's ``embed`` makes them of survivors.
        semantic_logits: (B, K, T, h, w) of a dense branch, or None.
        depth: (B, T, h, w) in metres, or None.
        boxes: (B, N, T, 4) or None.
        aux: Earlier outputs, for deep supervision; empty at test time.
    """

    class_logits: Tensor
    mask_logits: Tensor
    queries: Tensor
    activation: str
    fixed_labels: Tensor
    num_things: int
    mask_upsample: int = 1
    embeddings: Tensor | None = None
    semantic_logits: Tensor | None = None
    depth: Tensor | None = None
    boxes: Tensor | None = None
    aux: list['ClipPrediction'] = field(default_factory=list)

    def class_scores(self) -> Tensor:
        """Class probabilities (B, N, K), without the no-object column."""
        if self.activation == 'sigmoid':
            return self.class_logits.sigmoid()
        return self.class_logits.softmax(-1)[..., :-1]

    def reorder(self, order: Tensor) -> 'ClipPrediction':
        """Permute the queries of a one-clip prediction (query matching between windows).

        Args:
            order: (N,) row j of the result is query ``order[j]``.
        """

        def pick(x: Tensor | None) -> Tensor | None:
            return None if x is None else x[:, order]

        return replace(
            self,
            class_logits=pick(self.class_logits),
            mask_logits=pick(self.mask_logits),
            queries=pick(self.queries),
            fixed_labels=self.fixed_labels[order],
            embeddings=pick(self.embeddings),
            boxes=pick(self.boxes),
        )

    @property
    def num_clips(self) -> int:
        """B."""
        return self.mask_logits.shape[0]

    def select_clip(self, index: int) -> 'ClipPrediction':
        """The prediction of one clip of the batch, with B = 1."""

        def pick(x: Tensor | None) -> Tensor | None:
            return None if x is None else x[index : index + 1]

        return replace(
            self,
            class_logits=pick(self.class_logits),
            mask_logits=pick(self.mask_logits),
            queries=pick(self.queries),
            embeddings=pick(self.embeddings),
            semantic_logits=pick(self.semantic_logits),
            depth=pick(self.depth),
            boxes=pick(self.boxes),
        )

    @staticmethod
    def panoptic_fixed_labels(num_queries: int, num_things: int, num_stuff: int, device=None) -> Tensor:
        """Labels of ``num_queries`` free thing queries followed by one fixed query a stuff class: (N + S,)."""
        free = torch.full((num_queries,), -1, dtype=torch.long, device=device)
        return torch.cat([free, num_things + torch.arange(num_stuff, device=device)])
