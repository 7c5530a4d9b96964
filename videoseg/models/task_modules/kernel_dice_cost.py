"""The dice cost of K-Net's matching."""

import torch
from mmdet.models.task_modules.assigners.match_cost import BaseMatchCost
from mmengine.structures import InstanceData
from torch import Tensor

from videoseg.registry import TASK_UTILS


@TASK_UTILS.register_module()
class KernelDiceCost(BaseMatchCost):
    """``-2<p, t> / (<p, p> + eps + <t, t> + eps)``; differs from mmdet's ``DiceCost`` in form and epsilon.

    Source: ``specs/video_knet.md`` section 1.7.

    Args:
        weight: Factor of the cost.
        eps: Added to both squared norms.
        clamp_min: Smallest mask probability (0.001 in Video K-Net, None in K-Net); changes matches.
    """

    def __init__(self, weight: float = 4.0, eps: float = 1e-3, clamp_min: float | None = None) -> None:
        super().__init__(weight)
        self.eps = eps
        self.clamp_min = clamp_min

    def __call__(
        self, pred_instances: InstanceData, gt_instances: InstanceData, img_meta: dict | None = None, **kwargs
    ) -> Tensor:
        """Cost matrix.

        Args:
            pred_instances: ``masks`` (N, h, w) logits.
            gt_instances: ``masks`` (G, h, w) soft masks in [0, 1].
            img_meta: Unused.
            kwargs: Unused.

        Returns:
            (N, G).
        """
        probs = pred_instances.masks.flatten(1).float().sigmoid()
        if self.clamp_min is not None:
            probs = probs.clamp(min=self.clamp_min)
        targets = gt_instances.masks.flatten(1).to(probs)
        overlap = torch.einsum('np,gp->ng', probs, targets)
        norms = (probs.square().sum(-1) + self.eps)[:, None] + (targets.square().sum(-1) + self.eps)[None]
        return -2 * overlap / norms * self.weight
