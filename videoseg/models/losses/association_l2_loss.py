"""The auxiliary loss on cosine similarities."""

import torch
from torch import Tensor, nn

from videoseg.registry import MODELS


@MODELS.register_module()
class AssociationL2Loss(nn.Module):
    """Squared error between clamped cosines and 0/1 targets, with hard negative mining.

    Negatives are mined when there are more than ``neg_pos_ub`` of them for each of ``positives + 1`` (mmdet's
    ``L2Loss`` compares with ``positives`` and so gives other numbers). Unlike the original nothing is modified in place
    and a batch without any entry kept gives 0. Source: ``specs/video_knet.md`` section 2.4.

    Args:
        neg_pos_ub: Ratio of kept negatives to positives.
        pos_margin: Subtracted from the cosines of positives.
        neg_margin: Subtracted from the cosines of negatives.
        hard_mining: Mine at all.
        loss_weight: Factor of the loss.
    """

    def __init__(
        self,
        neg_pos_ub: float = 3,
        pos_margin: float = 0.0,
        neg_margin: float = 0.1,
        hard_mining: bool = True,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.neg_pos_ub = neg_pos_ub
        self.pos_margin = pos_margin
        self.neg_margin = neg_margin
        self.hard_mining = hard_mining
        self.loss_weight = loss_weight

    def forward(self, cosines: Tensor, targets: Tensor) -> Tensor:
        """Loss of a similarity matrix.

        Args:
            cosines: (R, C) cosine similarities.
            targets: (R, C) 1 for the same object, else 0.

        Returns:
            Scalar.
        """
        positive = targets > 0
        margin = torch.where(positive, self.pos_margin, self.neg_margin).to(cosines)
        error = ((cosines - margin).clamp(0, 1) - positive.to(cosines)).square().flatten()
        positive = positive.flatten()
        num_pos = int(positive.sum())
        num_neg = positive.numel() - num_pos
        keep = torch.ones_like(positive)
        if self.hard_mining and num_neg / (num_pos + 1) > self.neg_pos_ub:
            negatives = (~positive).nonzero()[:, 0]
            hardest = error.detach()[negatives].topk(int(num_pos * self.neg_pos_ub)).indices
            keep = positive.clone()
            keep[negatives[hardest]] = True
        return self.loss_weight * (error * keep).sum() / keep.sum().clamp(min=1)
