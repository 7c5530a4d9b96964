"""Temporal contrastive learning of Tube-Link."""

import torch
from torch import Tensor

from videoseg.models.decoders.association_embedding_head import AssociationEmbeddingHead
from videoseg.registry import MODELS

TARGETS = ('tube_mask', 'gt_mask', 'all_masks')


@MODELS.register_module()
class TubeContrastiveHead(AssociationEmbeddingHead):
    """The association embedding on the queries of two tubes: layers and losses of :class:`AssociationEmbeddingHead`.

    ``association_target`` is the ablation of the Tube-Link paper (VPQ 37.5, 35.6 and 30.1 on VIPSeg): what the queries
    that are compared were matched to. The specification has only the released ``'tube_mask'``; the other two are our
    reading of the paper's table. Source: ``specs/tube_link.md`` 2.7.

    Args:
        association_target: ``'tube_mask'``: the queries matched to a tube of masks, over all frames. ``'gt_mask'``:
            those matched to the masks of one frame of the tube, the first. ``'all_masks'``: all queries, where those
            without a match are negatives for the others (dense, where the other two compare few, sparse queries).
        kwargs: Arguments of :class:`AssociationEmbeddingHead`.

    Raises:
        ValueError: For an unknown ``association_target``.
    """

    def __init__(self, *args, association_target: str = 'tube_mask', **kwargs) -> None:
        if association_target not in TARGETS:
            raise ValueError(
                f'TubeContrastiveHead: association_target must be one of {TARGETS}, not {association_target!r}'
            )
        super().__init__(*args, **kwargs)
        self.association_target = association_target

    @property
    def target_frames(self) -> slice:
        """The frames of a tube whose masks decide which query is matched to which instance."""
        return slice(0, 1) if self.association_target == 'gt_mask' else slice(None)

    def sample(self, key_ids: Tensor, reference_ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Choose the queries of one clip that are compared.

        Args:
            key_ids: (N,) instance that each query of the key tube was matched to, from 1; 0 = none.
            reference_ids: (M,) likewise for the reference tube.

        Returns:
            Rows (k,) of the key tube, rows (r,) of the reference tube, and (k, r) bool, the same instance: with the
            embeddings of these rows the arguments of :meth:`loss`.
        """
        rows = []
        for ids in (key_ids, reference_ids):
            chosen = torch.ones_like(ids, dtype=torch.bool) if self.association_target == 'all_masks' else ids > 0
            rows.append(chosen.nonzero()[:, 0])
        key, reference = key_ids[rows[0]], reference_ids[rows[1]]
        return *rows, (key[:, None] == reference[None]) & (key > 0)[:, None]
