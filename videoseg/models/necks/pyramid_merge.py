"""The image side of Pix2Seq-D: a feature pyramid merged from coarse to fine, and tokens."""

from collections.abc import Sequence

from mmcv.cnn import ConvModule
from mmdet.models.layers import SinePositionalEncoding
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from videoseg.models.layers.group_count import group_count
from videoseg.registry import MODELS
from videoseg.structures import PixelFeatures


def _conv(in_channels: int, out_channels: int, kernel: int) -> ConvModule:
    norm = dict(type='GN', num_groups=group_count(out_channels))
    return ConvModule(
        in_channels, out_channels, kernel, padding=kernel // 2, norm_cfg=norm, act_cfg=dict(type='SiLU', inplace=False)
    )


@MODELS.register_module()
class PyramidMerge(BaseModule):
    """Conditioning maps and tokens of any FPN-like list of maps.

    The coarsest map is projected to ``token_channels``, normalised, given sine positions and passed through
    ``num_layers`` pre-norm transformer encoder layers: the tokens. From there to the finest map each step projects the
    coarse map to the fine map's width (1x1 convolution, group norm, SiLU), enlarges it by nearest neighbour, adds, and
    convolves (3x3, group norm, SiLU). A last 3x3 convolution gives ``out_channels`` at ``mask_stride``. Maps finer than
    the masks are not used. The sizes of neighbouring maps need not be multiples of each other.

    Source: Pix2Seq-D, ``specs/pix2seq_d.md`` section 3.1: 12 layers of width 512 on ResNet-50 cut after stage 3.

    Args:
        in_channels: Channels of every input map, finest first.
        strides: Their strides, ascending.
        out_channels: Channels of ``mask_features``.
        token_channels: Width of the tokens.
        mask_stride: Input pixels per cell of ``mask_features``.
        num_layers: Transformer encoder layers on the tokens.
        num_heads: Their attention heads.
        feedforward_channels: Width of their MLP.
        dropout: Their dropout.
        init_cfg: mmengine initialisation.

    Raises:
        ValueError: If the arguments do not fit together.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        strides: Sequence[int] = (4, 8, 16, 32),
        out_channels: int = 256,
        token_channels: int = 512,
        mask_stride: int = 2,
        num_layers: int = 0,
        num_heads: int = 16,
        feedforward_channels: int = 2048,
        dropout: float = 0.1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if len(in_channels) != len(strides) or sorted(set(strides)) != list(strides):
            raise ValueError(
                f'PyramidMerge: every map needs its channels and its stride, finest first; got in_channels='
                f'{list(in_channels)} and strides={list(strides)}'
            )
        if mask_stride > strides[-1]:
            raise ValueError(
                f'PyramidMerge: masks at stride {mask_stride} are coarser than the coarsest map, stride {strides[-1]}'
            )
        self.stride = mask_stride
        self.strides = tuple(strides)
        self.first_used = next(i for i, stride in enumerate(strides) if stride >= mask_stride)
        self.token_proj = nn.Conv2d(in_channels[-1], token_channels, 1)
        self.token_norm = nn.LayerNorm(token_channels)
        self.positions = SinePositionalEncoding(num_feats=token_channels // 2, normalize=True)
        self.encoder = None
        if num_layers:
            layer = nn.TransformerEncoderLayer(
                token_channels, num_heads, feedforward_channels, dropout, 'gelu', batch_first=True, norm_first=True
            )
            self.encoder = nn.TransformerEncoder(
                layer, num_layers, nn.LayerNorm(token_channels), enable_nested_tensor=False
            )
        used = list(in_channels[self.first_used : -1])
        coarse = [*used[1:], token_channels] if used else []
        self.lateral_convs = nn.ModuleList(_conv(c, f, 1) for c, f in zip(coarse, used, strict=True))
        self.merge_convs = nn.ModuleList(_conv(f, f, 3) for f in used)
        self.mask_conv = _conv(used[0] if used else token_channels, out_channels, 3)

    def _tokens(self, x: Tensor) -> Tensor:
        """The coarsest map (B*T, C, h, w) as a map of tokens (B*T, D, h, w)."""
        size = x.shape[-2:]
        x = self.token_proj(x)
        position = self.positions(mask=None, input=x[:1]).to(x.dtype)
        x = self.token_norm(x.flatten(2).transpose(1, 2)) + position.flatten(2).transpose(1, 2)
        if self.encoder is not None:
            x = self.encoder(x)
        return x.transpose(1, 2).unflatten(2, size)

    def forward(self, inputs: Sequence[Tensor], num_frames: int = 1) -> PixelFeatures:
        """Merge a feature pyramid.

        Args:
            inputs: Maps (B*T, C_i, h_i, w_i), finest first, as many as ``in_channels``.
            num_frames: T.

        Returns:
            ``mask_features`` (B*T, out_channels, h, w) at ``mask_stride``; ``multi_scale`` is the map of tokens
            (B*T, token_channels, h', w') alone.

        Raises:
            ValueError: For another number of maps.
        """
        if len(inputs) != len(self.strides):
            raise ValueError(f'PyramidMerge was built for {len(self.strides)} maps, it got {len(inputs)}')
        tokens = self._tokens(inputs[-1])
        fine_maps = inputs[self.first_used : -1]
        merged = tokens
        for lateral, merge, fine in zip(
            reversed(self.lateral_convs), reversed(self.merge_convs), reversed(fine_maps), strict=True
        ):
            merged = merge(fine + F.interpolate(lateral(merged), fine.shape[-2:], mode='nearest'))
        finest = self.strides[self.first_used]
        if finest > self.stride:
            merged = F.interpolate(merged, scale_factor=finest / self.stride, mode='nearest')
        return PixelFeatures(
            mask_features=self.mask_conv(merged), stride=self.stride, num_frames=num_frames, multi_scale=(tokens,)
        )
