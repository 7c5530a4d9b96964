"""The denoiser of Pix2Seq-D."""

import math
from collections.abc import Sequence

import torch
from mmdet.models.layers import SinePositionalEncoding
from torch import Tensor, nn
from torch.nn import functional as F

from videoseg.models.decoders.base_denoiser import BaseDenoiser
from videoseg.models.layers.group_count import group_count
from videoseg.registry import MODELS

GAMMA_SCALE = 1e4
"""The networks are told ``1e4 * gamma``, where others tell a time step."""
_ALMOST_ZERO = 1e-5


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(group_count(channels), channels)


def _almost_zero(conv: nn.Conv2d) -> nn.Conv2d:
    """Variance ``1e-10 / fan_in``: what follows starts as almost nothing, with gradients all the same."""
    nn.init.normal_(conv.weight, std=_ALMOST_ZERO / math.sqrt(conv.weight[0].numel()))
    nn.init.zeros_(conv.bias)
    return conv


def sinusoid(x: Tensor, channels: int) -> Tensor:
    """Sines and cosines (B, channels) of (B,) numbers, wavelengths from 2 pi to 2 pi * 10000."""
    half = channels // 2
    steps = torch.arange(half, device=x.device, dtype=torch.float32) / max(half - 1, 1)
    angles = x.float()[:, None] * torch.exp(-math.log(1e4) * steps)
    return F.pad(torch.cat([angles.sin(), angles.cos()], dim=1), (0, channels - 2 * half))


class _ResidualBlock(nn.Module):
    """GN, SiLU, 3x3, GN, (1 + scale, shift) from the time, SiLU, dropout, 3x3; the sum is divided by sqrt(2)."""

    def __init__(self, in_channels: int, out_channels: int, time_channels: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = _norm(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.film = nn.Linear(time_channels, 2 * out_channels)
        self.norm2 = _norm(out_channels)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = _almost_zero(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        self.skip = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else nn.Identity()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        scale, shift = self.film(time)[..., None, None].chunk(2, dim=1)
        y = self.conv1(F.silu(self.norm1(x)))
        y = F.silu(self.norm2(y) * (1 + scale) + shift)
        return (self.skip(x) + self.conv2(self.dropout(y))) / math.sqrt(2)


class _Bottom(nn.Module):
    """Transformer decoder layers between cells, one time token and the image tokens."""

    def __init__(
        self, channels: int, width: int, token_channels: int, time_channels: int, num_layers: int, num_heads: int
    ) -> None:
        super().__init__()
        self.enter = nn.Conv2d(channels, width, 1)
        self.leave = nn.Conv2d(width, channels, 1)
        self.time_token = nn.Linear(time_channels, width)
        self.memory = nn.Linear(token_channels, width) if token_channels != width else nn.Identity()
        self.positions = SinePositionalEncoding(num_feats=width // 2, normalize=True)
        layer = nn.TransformerDecoderLayer(
            width, num_heads, 4 * width, dropout=0.0, activation='gelu', batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerDecoder(layer, num_layers, nn.LayerNorm(width))

    def forward(self, x: Tensor, tokens: Tensor, time: Tensor) -> Tensor:
        size = x.shape[-2:]
        x = self.enter(x)
        x = x + self.positions(mask=None, input=x[:1]).to(x.dtype)
        cells = torch.cat([x.flatten(2).transpose(1, 2), self.time_token(time)[:, None]], dim=1)
        cells = self.layers(cells, self.memory(tokens))[:, :-1]
        return self.leave(cells.transpose(1, 2).unflatten(2, size))


class _BitWindows(nn.Module):
    """Bits summed over square windows, divided by the windows' side, each channel weighted by the noise level.

    Independent noise keeps its variance, while what an object's cells agree on grows with the side: evidence that the
    layer behind only has to add up. Outside of the map there is nothing.
    """

    def __init__(self, bit_channels: int, windows: Sequence[int], time_channels: int) -> None:
        super().__init__()
        if any(side < 1 or side % 2 == 0 for side in windows):
            raise ValueError(f'TransUNetDenoiser: bit_windows must be odd numbers of cells, got {tuple(windows)}')
        self.windows = tuple(windows)
        self.channels = bit_channels * len(self.windows)
        self.gate = nn.Linear(time_channels, self.channels)
        nn.init.zeros_(self.gate.weight)
        nn.init.ones_(self.gate.bias)

    def forward(self, bits: Tensor, time: Tensor) -> Tensor:
        """(B, bits * windows, h, w) of bits (B, bits, h, w) and the embedding (B, T) of the noise level."""
        sums = [bits if side == 1 else self._mean(bits, side) * side for side in self.windows]
        return torch.cat(sums, dim=1) * self.gate(time)[..., None, None]

    @staticmethod
    def _mean(bits: Tensor, side: int) -> Tensor:
        rows = F.avg_pool2d(bits, (side, 1), stride=1, padding=(side // 2, 0))
        return F.avg_pool2d(rows, (1, side), stride=1, padding=(0, side // 2))


@MODELS.register_module()
class TransUNetDenoiser(BaseDenoiser):
    """U-Net with a transformer at the bottom: attends to image tokens and to one token that tells the noise level.

    Bits and conditioning map are joined, 1x1 to ``base_channels``; levels of ``base_channels * multipliers[i]`` with
    ``num_blocks`` residual blocks down and ``num_blocks + 1`` up, whose skips come from every block, every strided
    convolution and the first convolution; attention at the bottom only. The last convolution of every block and of the
    network starts at almost zero. Any size works: a level has half the cells, rounded up.

    Source: Pix2Seq-D, ``specs/pix2seq_d.md`` section 3.2; the defaults are the paper's.

    Args:
        bit_channels: See :class:`BaseDenoiser`.
        cond_channels: See :class:`BaseDenoiser`.
        token_channels: See :class:`BaseDenoiser`.
        out_channels: See :class:`BaseDenoiser`.
        base_channels: Width of the first level.
        multipliers: Width of every level in units of it.
        num_blocks: Residual blocks a level, on the way down.
        bottom_channels: Width of the transformer.
        num_layers: Its layers.
        num_heads: Its attention heads.
        time_channels: Width of the noise level's embedding.
        dropout: Inside the residual blocks.
        bit_windows: Show the last convolution the bits as well, summed over square windows of these sides in cells
            (odd; 1: the cell's own) and weighted by the noise level. Ours: a narrow network does not come to add up
            noisy bits over an object in thousands of iterations, without which no identity arises (docs/diffusion.md).
        init_cfg: mmengine initialisation.

    Raises:
        ValueError: If a window is even.
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
        bottom_channels: int = 512,
        num_layers: int = 6,
        num_heads: int = 8,
        time_channels: int = 512,
        dropout: float = 0.0,
        bit_windows: Sequence[int] = (),
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(bit_channels, cond_channels, token_channels, out_channels, init_cfg)
        self.base_channels = base_channels
        self.num_blocks = num_blocks
        widths = [base_channels * m for m in multipliers]
        self.time_mlp = nn.Sequential(
            nn.Linear(base_channels, time_channels), nn.SiLU(), nn.Linear(time_channels, time_channels), nn.SiLU()
        )
        self.conv_in = nn.Conv2d(bit_channels + cond_channels, base_channels, 1)
        self.norm_in = _norm(base_channels)
        self.down_blocks, self.down_convs = nn.ModuleList(), nn.ModuleList()
        self.up_blocks, self.up_convs = nn.ModuleList(), nn.ModuleList()
        skips, channels = [base_channels], base_channels
        for level, width in enumerate(widths):
            for _ in range(num_blocks):
                self.down_blocks.append(_ResidualBlock(channels, width, time_channels, dropout))
                channels = width
                skips.append(width)
            if level < len(widths) - 1:
                self.down_convs.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
                skips.append(width)
        self.bottom = _Bottom(channels, bottom_channels, token_channels, time_channels, num_layers, num_heads)
        for level, width in reversed(list(enumerate(widths))):
            for _ in range(num_blocks + 1):
                self.up_blocks.append(_ResidualBlock(channels + skips.pop(), width, time_channels, dropout))
                channels = width
            if level > 0:
                self.up_convs.append(nn.Conv2d(width, width, 3, padding=1))
        self.norm_out = _norm(channels)
        self.bit_windows = _BitWindows(bit_channels, bit_windows, time_channels) if bit_windows else None
        channels += self.bit_windows.channels if bit_windows else 0
        self.conv_out = _almost_zero(nn.Conv2d(channels, out_channels, 1))

    def features(self, bits: Tensor, cond: Tensor, tokens: Tensor, gamma: Tensor) -> Tensor:
        """See :meth:`BaseDenoiser.features`."""
        time = self.time_mlp(sinusoid(GAMMA_SCALE * gamma, self.base_channels).to(cond.dtype))
        x = self.norm_in(self.conv_in(torch.cat([bits, cond], dim=1)))
        skips = [x]
        blocks = iter(self.down_blocks)
        for level in range(len(self.down_convs) + 1):
            for _ in range(self.num_blocks):
                x = next(blocks)(x, time)
                skips.append(x)
            if level < len(self.down_convs):
                x = self.down_convs[level](x)
                skips.append(x)
        x = self.bottom(x, tokens, time)
        blocks = iter(self.up_blocks)
        for level in range(len(self.up_convs) + 1):
            for _ in range(self.num_blocks + 1):
                x = next(blocks)(torch.cat([x, skips.pop()], dim=1), time)
            if level < len(self.up_convs):
                x = self.up_convs[level](F.interpolate(x, skips[-1].shape[-2:], mode='nearest'))
        x = F.silu(self.norm_out(x))
        return x if self.bit_windows is None else torch.cat([x, self.bit_windows(bits, time)], dim=1)

    def head(self, features: Tensor) -> Tensor:
        """See :meth:`BaseDenoiser.head`."""
        return self.conv_out(features)
