"""What the pixels under a mask have in common."""

from mmengine.model import BaseModule
from torch import Tensor

from videoseg.registry import MODELS


@MODELS.register_module()
class MaskAverage(BaseModule):
    """Average of the pixel features under every mask: embedding source ``'mask'`` of the association embedding.

    Source: the row "mask" of the published ablation of Video K-Net; its details are ours.

    Args:
        in_channels: C of the pixel features; any number will do.
        init_cfg: mmengine initialisation.
    """

    def __init__(self, in_channels: int = 256, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.in_channels = in_channels

    def forward(self, features: Tensor, masks: Tensor) -> Tensor:
        """Describe the masks of one frame.

        Args:
            features: (C, h, w).
            masks: (R, h, w) in [0, 1].

        Returns:
            (R, C); zeros for an empty mask.
        """
        weights = masks.flatten(1).to(features)
        return weights @ features.flatten(1).t() / weights.sum(1, keepdim=True).clamp(min=1e-3)
