"""The backbone's own feature maps as pixel features."""

from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor

from videoseg.registry import MODELS
from videoseg.structures import PixelFeatures


@MODELS.register_module()
class BackbonePyramid(BaseModule):
    """Pass the backbone's levels on, for decoders that bring their own pixel decoder (semantic K-Net).

    ``mask_features`` is the finest level and ``multi_scale`` the others, coarsest first, so that ``[mask_features,
    *reversed(multi_scale)]`` is the pyramid again. It has no parameters.

    Args:
        stride: Input pixels per cell of the finest level.
        init_cfg: mmengine initialisation.
    """

    def __init__(self, stride: int = 4, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.stride = stride

    def forward(self, inputs: Sequence[Tensor], num_frames: int = 1) -> PixelFeatures:
        """Wrap a feature pyramid.

        Args:
            inputs: Levels (B*T, C_i, h_i, w_i), finest first; several may have the same stride (dilated backbones).
            num_frames: T.
        """
        return PixelFeatures(
            mask_features=inputs[0], stride=self.stride, num_frames=num_frames, multi_scale=tuple(inputs[:0:-1])
        )
