"""What the diffusion decoder asks of a denoising network."""

from abc import abstractmethod

from mmengine.model import BaseModule
from torch import Tensor


class BaseDenoiser(BaseModule):
    """From noisy bits, image features and the noise level to logits of codes.

    The decoder sets the four widths that follow from its codec and its past frames.

    Args:
        bit_channels: Channels of bits: noisy ones, a self-conditioning estimate, past masks, and whatever else has the
            size of the masks.
        cond_channels: Channels of the conditioning map.
        token_channels: Width of the image tokens.
        out_channels: Codes of both groups together.
        init_cfg: mmengine initialisation.
    """

    def __init__(
        self,
        bit_channels: int,
        cond_channels: int,
        token_channels: int,
        out_channels: int,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.bit_channels = bit_channels
        self.cond_channels = cond_channels
        self.token_channels = token_channels
        self.out_channels = out_channels

    @abstractmethod
    def features(self, bits: Tensor, cond: Tensor, tokens: Tensor, gamma: Tensor) -> Tensor:
        """Everything but :meth:`head`, which may run on a few rows at a time; arguments as of :meth:`forward`.

        Returns:
            (B, F, h, w).
        """

    def head(self, features: Tensor) -> Tensor:
        """The last, pixel-wise layer, from features (B, F, r, w) of any number of rows to logits; default: nothing."""
        return features

    def forward(self, bits: Tensor, cond: Tensor, tokens: Tensor, gamma: Tensor) -> Tensor:
        """Logits of the clean codes.

        Args:
            bits: (B, bit_channels, h, w).
            cond: (B, cond_channels, h, w).
            tokens: (B, L, token_channels).
            gamma: (B,) signal power in [0, 1] that the noisy bits are announced with.

        Returns:
            (B, out_channels, h, w).
        """
        return self.head(self.features(bits, cond, tokens, gamma))
