"""A denoiser made of the ``diffusers`` library's U-Net."""

from collections.abc import Sequence

import torch
from torch import Tensor

from videoseg.models.decoders.base_denoiser import BaseDenoiser
from videoseg.models.decoders.trans_unet_denoiser import GAMMA_SCALE
from videoseg.models.task_modules.bit_sampler import diffusers_class
from videoseg.registry import MODELS


@MODELS.register_module()
class DiffusersMaskDenoiser(BaseDenoiser):
    """The stock ``UNet2DConditionModel`` nearest to :class:`TransUNetDenoiser`: cross-attention at the bottom.

    What differs: no time token, residual sums are not divided by sqrt(2), and the last convolutions start at their
    default. Source: ``specs/pix2seq_d.md`` section 12; randomly initialised, nothing is downloaded.

    Args:
        bit_channels: See :class:`BaseDenoiser`.
        cond_channels: See :class:`BaseDenoiser`.
        token_channels: See :class:`BaseDenoiser`.
        out_channels: See :class:`BaseDenoiser`.
        base_channels: Width of the first level; a multiple of ``num_groups``.
        multipliers: Width of every level in units of it.
        num_blocks: Residual blocks a level, on the way down.
        num_layers: Transformer layers at the bottom.
        num_heads: Their attention heads.
        num_groups: Groups of the group norms.
        dropout: Inside the residual blocks.
        init_cfg: mmengine initialisation.

    Raises:
        ImportError: Without ``diffusers``; the message names what to install.
    """

    def __init__(
        self,
        bit_channels: int,
        cond_channels: int,
        token_channels: int,
        out_channels: int,
        base_channels: int = 128,
        multipliers: Sequence[int] = (1, 1, 2, 2),
        num_blocks: int = 1,
        num_layers: int = 6,
        num_heads: int = 8,
        num_groups: int = 32,
        dropout: float = 0.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(bit_channels, cond_channels, token_channels, out_channels, init_cfg)
        self.unet = diffusers_class('UNet2DConditionModel')(
            in_channels=bit_channels + cond_channels,
            out_channels=out_channels,
            down_block_types=('DownBlock2D',) * len(multipliers),
            mid_block_type='UNetMidBlock2DCrossAttn',
            up_block_types=('UpBlock2D',) * len(multipliers),
            block_out_channels=tuple(base_channels * m for m in multipliers),
            layers_per_block=num_blocks,
            transformer_layers_per_block=num_layers,
            cross_attention_dim=token_channels,
            attention_head_dim=num_heads,  # diffusers' historical name for the number of heads
            norm_num_groups=num_groups,
            resnet_time_scale_shift='scale_shift',
            dropout=dropout,
        )

    def features(self, bits: Tensor, cond: Tensor, tokens: Tensor, gamma: Tensor) -> Tensor:
        """See :meth:`BaseDenoiser.features`; the last layer is no pixel-wise one, so these are the logits."""
        return self.unet(torch.cat([bits, cond], dim=1), GAMMA_SCALE * gamma, tokens).sample
