"""One-to-one matching of kernels and ground truth."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.structures import InstanceData
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from videoseg.models.task_modules.frame_targets import FrameTargets
from videoseg.registry import TASK_UTILS


class Match(NamedTuple):
    """Matched kernels of a frame, ascending, and the ground-truth row of each: two (P,) index tensors."""

    kernels: Tensor
    targets: Tensor


@TASK_UTILS.register_module()
class KernelAssigner:
    """Hungarian matching by class, dice and mask cost. Source: ``specs/video_knet.md`` section 1.7.

    Args:
        class_cost: Config of the class cost (mmdet's ``FocalLossCost`` on raw logits), skipped where the prediction
            has no classes yet.
        mask_costs: Configs of costs that see ``masks`` only.
    """

    def __init__(
        self,
        class_cost: dict | None = None,
        mask_costs: Sequence[dict] = (dict(type='KernelDiceCost', weight=4.0), dict(type='KernelMaskCost', weight=1.0)),
    ) -> None:
        self.class_cost = TASK_UTILS.build(class_cost or dict(type='FocalLossCost', weight=2.0))
        self.mask_costs = [TASK_UTILS.build(cost) for cost in mask_costs]

    def cost_matrix(self, mask_logits: Tensor, class_logits: Tensor | None, targets: FrameTargets) -> Tensor:
        """Total cost (N, G) of one frame: masks (N, h, w) and classes (N, K) are logits."""
        pred = InstanceData(masks=mask_logits)
        truth = InstanceData(masks=targets.masks, labels=targets.labels)
        cost = sum(c(pred, truth) for c in self.mask_costs)
        if class_logits is not None:
            pred.scores = class_logits.float()
            cost = cost + self.class_cost(pred, truth)
        return cost

    @torch.no_grad()
    def assign(self, mask_logits: Tensor, class_logits: Tensor | None, targets: Sequence[FrameTargets]) -> list[Match]:
        """Match the kernels of F frames; one copy to the host for all of them.

        Args:
            mask_logits: (F, N, h, w), or tubes (F, N, T, h, w) of F clips.
            class_logits: (F, N, K) or None.
            targets: F ground truths, masks at the resolution of ``mask_logits``.

        Returns:
            One match a frame.

        Raises:
            FloatingPointError: If a cost is not finite, naming the frame of the batch.
        """
        costs = []
        for i, target in enumerate(targets):
            classes = None if class_logits is None else class_logits[i]
            costs.append(self.cost_matrix(mask_logits[i], classes, target).flatten())
        host = torch.cat(costs).cpu()
        device = mask_logits.device
        matches = []
        for i, (cost, target) in enumerate(zip(host.split([c.numel() for c in costs]), targets, strict=True)):
            if not bool(torch.isfinite(cost).all()):
                raise FloatingPointError(
                    f'matching cost of frame {i} of the batch is not finite: the predictions contain NaN or infinity '
                    '(lower the learning rate, or train in fp32)'
                )
            rows, cols = linear_sum_assignment(cost.view(mask_logits.shape[1], len(target.labels)).numpy())
            matches.append(Match(torch.from_numpy(rows).to(device), torch.from_numpy(cols).to(device)))
        return matches
