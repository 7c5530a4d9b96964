"""The mask cost of K-Net's matching."""

import torch
from mmdet.models.task_modules.assigners.match_cost import BaseMatchCost
from mmengine.structures import InstanceData
from torch import Tensor

from videoseg.registry import TASK_UTILS


@TASK_UTILS.register_module()
class KernelMaskCost(BaseMatchCost):
    """``-(<p, t> + <1 - p, 1 - t>) / (h * w)``. Source: ``specs/video_knet.md`` section 1.7.

    Args:
        weight: Factor of the cost.
        clamp_min: Smallest mask probability (0.01 in Video K-Net, None in K-Net); changes matches.
    """

    def __init__(self, weight: float = 1.0, clamp_min: float | None = None) -> None:
        super().__init__(weight)
        self.clamp_min = clamp_min

    def __call__(
        self, pred_instances: InstanceData, gt_instances: InstanceData, img_meta: dict | None = None, **kwargs
    ) -> Tensor:
        """Cost matrix (N, G); arguments as in :class:`KernelDiceCost`."""
        probs = pred_instances.masks.flatten(1).float().sigmoid()
        if self.clamp_min is not None:
            probs = probs.clamp(min=self.clamp_min)
        targets = gt_instances.masks.flatten(1).to(probs)
        agreement = torch.einsum('np,gp->ng', probs, targets) + torch.einsum('np,gp->ng', 1 - probs, 1 - targets)
        return -agreement / probs.shape[1] * self.weight
