"""The semantic FPN pixel decoder of K-Net."""

from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule
from mmdet.models.layers import SinePositionalEncoding
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from videoseg.registry import MODELS
from videoseg.structures import PixelFeatures


@MODELS.register_module()
class SemanticFPN(BaseModule):
    """Bring all pyramid levels to one stride, sum them, and split into a mask and a semantic branch.

    Level 0 (stride 4) is halved with strided convolutions until it meets the common stride; every level i > 0 passes i
    units of convolution, group norm and ReLU, doubled bilinearly as often as it needs. The coarsest level first
    receives a sine positional encoding. Two parallel 1x1 heads make the mask and the semantic features.

    Source: K-Net, ``specs/video_knet.md`` section 1.1.

    Args:
        in_channels: Channels of every input level.
        feat_channels: Channels of the inner convolutions.
        out_channels: Channels of both outputs.
        num_levels: Pyramid levels used, finest first, at strides 4, 8, 16, 32.
        upsample_times: How often the coarsest level is doubled: 2 gives stride 8, 3 stride 4 (for four levels).
        positional_encoding: Add the sine encoding to the level ``coordinate_level``.
        coordinate_level: Level that receives position information.
        append_coordinates: Append x and y in [-1, 1] to that level (CoordConv).
        fuse: ``'sum'`` or ``'concat'`` of the levels.
        num_groups: Groups of the group norms.
        init_cfg: mmengine initialisation; by default every convolution is N(0, 0.01).

    Raises:
        ValueError: For an unknown ``fuse`` or a pyramid with too few levels.
    """

    def __init__(
        self,
        in_channels: int = 256,
        feat_channels: int = 256,
        out_channels: int = 256,
        num_levels: int = 4,
        upsample_times: int = 2,
        positional_encoding: bool = True,
        coordinate_level: int = 3,
        append_coordinates: bool = False,
        fuse: str = 'sum',
        num_groups: int = 32,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg or dict(type='Normal', layer='Conv2d', std=0.01))
        if fuse not in ('sum', 'concat'):
            raise ValueError(f"SemanticFPN: fuse must be 'sum' or 'concat', not {fuse!r}")
        self.num_levels = num_levels
        self.coordinate_level = coordinate_level
        self.append_coordinates = append_coordinates
        self.fuse = fuse
        self.stride = 4 * 2 ** (num_levels - 1 - upsample_times)
        self.norm_cfg = dict(type='GN', num_groups=num_groups)
        self.positional_encoding = (
            SinePositionalEncoding(num_feats=in_channels // 2, normalize=True) if positional_encoding else None
        )
        self.convs_all_levels = nn.ModuleList(
            self._make_level(level, in_channels, feat_channels, upsample_times) for level in range(num_levels)
        )
        fused = feat_channels * (num_levels if fuse == 'concat' else 1)
        self.conv_pred = ConvModule(fused, out_channels, 1, norm_cfg=self.norm_cfg)
        self.aux_convs = nn.ModuleList([ConvModule(fused, out_channels, 1, norm_cfg=self.norm_cfg)])

    def _make_level(self, level: int, in_channels: int, feat_channels: int, upsample_times: int) -> nn.Sequential:
        end_level = self.num_levels - 1
        layers = nn.Sequential()
        extra = 2 if self.append_coordinates and level == self.coordinate_level else 0
        num_units = level if level > 0 else max(end_level - upsample_times, 1)
        stride = 2 if level == 0 and upsample_times < end_level else 1
        for unit in range(num_units):
            channels = in_channels + extra if unit == 0 else feat_channels
            conv = ConvModule(channels, feat_channels, 3, stride=stride, padding=1, norm_cfg=self.norm_cfg)
            layers.add_module(f'conv{unit}', conv)
            if level > 0 and unit < upsample_times - (end_level - level):
                layers.add_module(f'upsample{unit}', nn.Upsample(scale_factor=2, mode='bilinear', align_corners=False))
        return layers

    def _with_position(self, x: Tensor) -> Tensor:
        if self.positional_encoding is not None:
            x = x + self.positional_encoding(mask=None, input=x[:1]).to(x.dtype)
        if self.append_coordinates:
            height, width = x.shape[-2:]
            grid_y, grid_x = torch.meshgrid(
                torch.linspace(-1, 1, height, device=x.device, dtype=x.dtype),
                torch.linspace(-1, 1, width, device=x.device, dtype=x.dtype),
                indexing='ij',
            )
            x = torch.cat([x, torch.stack([grid_x, grid_y])[None].expand(x.shape[0], -1, -1, -1)], dim=1)
        return x

    def forward(self, inputs: Sequence[Tensor], num_frames: int = 1) -> PixelFeatures:
        """Fuse a feature pyramid.

        Args:
            inputs: Levels (B*T, C, h_i, w_i), finest first.
            num_frames: T.

        Returns:
            Mask and semantic features (B*T, out_channels, h, w) at ``self.stride``.
        """
        if len(inputs) < self.num_levels:
            raise ValueError(
                f'SemanticFPN needs {self.num_levels} pyramid levels, the neck before it gave {len(inputs)}'
            )
        levels = []
        for level, convs in enumerate(self.convs_all_levels):
            x = inputs[level]
            levels.append(convs(self._with_position(x) if level == self.coordinate_level else x))
        if any(x.shape[-2:] != levels[0].shape[-2:] for x in levels):
            size = levels[0].shape[-2:]
            levels = [F.interpolate(x, size, mode='bilinear', align_corners=False) for x in levels]
        fused = torch.cat(levels, dim=1) if self.fuse == 'concat' else sum(levels)
        return PixelFeatures(
            mask_features=self.conv_pred(fused),
            semantic_features=self.aux_convs[0](fused),
            stride=self.stride,
            num_frames=num_frames,
            multi_scale=tuple(inputs[i] for i in range(self.num_levels - 1, 0, -1)),
        )
