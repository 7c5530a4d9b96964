"""The pixel decoder of Mask2Former: deformable attention over three levels."""

from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule
from mmdet.models.layers import SinePositionalEncoding
from mmengine.model import BaseModule, caffe2_xavier_init
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from videoseg.models.layers.deformable_encoder_layer import DeformableEncoderLayer
from videoseg.registry import MODELS
from videoseg.structures import PixelFeatures


@MODELS.register_module()
class DeformablePixelDecoder(BaseModule):
    """Multi-scale deformable attention over the three coarsest levels, then one top-down step to each finer one.

    Frame by frame: nothing is exchanged over time. Parameters are named as in mmdet's ``MSDeformAttnPixelDecoder``, so
    that the weights of its Mask2Former load without the prefix, and the numbers are the same. It is composed of parts
    rather than wrapped around that class, because mmdet's encoder layers build mmcv's attention, see
    :class:`videoseg.models.layers.deformable_attention.DeformableAttention`.

    It can stand in two places: as the last neck it gives ``PixelFeatures`` at the stride of the finest input, for any
    decoder; with ``as_pyramid=True`` it takes the place of an FPN and gives the four maps (mask features at stride 4,
    memories at 8, 16, 32) that the deformable variant of the original K-Net feeds to its semantic FPN:
    ``neck=[dict(type='DeformablePixelDecoder', as_pyramid=True, ...), dict(type='SemanticFPN')]``.

    Source: Cheng et al., Mask2Former, CVPR 2022; ``specs/tube_link.md`` section 1.2, ``specs/video_knet.md``
    section 2.8.

    Args:
        in_channels: Channels of every input level, finest first.
        strides: Strides of the input levels.
        start_level: First level used: 1 leaves out stride 4; masks then have stride 8, a quarter of the cells.
        feat_channels: Channels inside.
        out_channels: Channels of mask and semantic features.
        num_encoder_levels: Coarsest levels that the attention works on.
        num_layers: Encoder layers.
        num_heads: Attention heads.
        num_points: Sampling points a head and level.
        feedforward_channels: Inner width of the feed-forward parts.
        dropout: Dropout in the encoder.
        semantic_head: Give ``semantic_features`` too, by a 1x1 convolution of their own (K-Net needs them). False for
            decoders without a semantic branch, and for exactly the parameters of Mask2Former.
        as_pyramid: Give the tuple (mask features, memories at strides 8, 16, 32) instead of ``PixelFeatures``.
        with_cp: Recompute the encoder layers in the backward pass to save memory.
        num_groups: Groups of the group norms.
        init_cfg: mmengine initialisation.

    Raises:
        ValueError: If the numbers do not fit together.
    """

    def __init__(
        self,
        in_channels: Sequence[int] = (256, 512, 1024, 2048),
        strides: Sequence[int] = (4, 8, 16, 32),
        start_level: int = 0,
        feat_channels: int = 256,
        out_channels: int = 256,
        num_encoder_levels: int = 3,
        num_layers: int = 6,
        num_heads: int = 8,
        num_points: int = 4,
        feedforward_channels: int = 1024,
        dropout: float = 0.0,
        semantic_head: bool = True,
        as_pyramid: bool = False,
        with_cp: bool = False,
        num_groups: int = 32,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_inputs = len(in_channels)
        used = list(in_channels)[start_level:]
        self._check(strides, start_level, num_encoder_levels, feat_channels, num_heads, num_groups, as_pyramid)
        self.start_level = start_level
        self.stride = strides[start_level]
        self.as_pyramid = as_pyramid
        self.with_cp = with_cp
        coarse, fine = used[::-1][:num_encoder_levels], used[::-1][num_encoder_levels:]
        norm_cfg = dict(type='GN', num_groups=num_groups)
        self.input_convs = nn.ModuleList(
            ConvModule(channels, feat_channels, 1, norm_cfg=norm_cfg, act_cfg=None, bias=True) for channels in coarse
        )
        layer = (feat_channels, num_heads, num_encoder_levels, num_points, feedforward_channels, dropout)
        self.encoder = nn.ModuleDict(
            dict(layers=nn.ModuleList(DeformableEncoderLayer(*layer) for _ in range(num_layers)))
        )
        self.positional_encoding = SinePositionalEncoding(num_feats=feat_channels // 2, normalize=True)
        self.level_encoding = nn.Embedding(num_encoder_levels, feat_channels)
        self.lateral_convs = nn.ModuleList(
            ConvModule(channels, feat_channels, 1, norm_cfg=norm_cfg, act_cfg=None, bias=False) for channels in fine
        )
        self.output_convs = nn.ModuleList(
            ConvModule(feat_channels, feat_channels, 3, padding=1, norm_cfg=norm_cfg, bias=False) for _ in fine
        )
        self.mask_feature = nn.Conv2d(feat_channels, out_channels, 1)
        with_semantic = semantic_head and not as_pyramid
        self.semantic_feature = nn.Conv2d(feat_channels, out_channels, 1) if with_semantic else None

    def _check(
        self,
        strides: Sequence[int],
        start_level: int,
        num_encoder_levels: int,
        feat_channels: int,
        num_heads: int,
        num_groups: int,
        as_pyramid: bool,
    ) -> None:
        name, levels = type(self).__name__, self.num_inputs - start_level
        if len(strides) != self.num_inputs:
            raise ValueError(f'{name}: {self.num_inputs} in_channels, but strides {tuple(strides)}')
        if not (start_level >= 0 and 1 <= num_encoder_levels <= levels):
            raise ValueError(
                f'{name}: {num_encoder_levels} num_encoder_levels and start_level {start_level} do not fit '
                f'{self.num_inputs} input levels'
            )
        if feat_channels % (2 * num_heads) or feat_channels % num_groups:
            raise ValueError(
                f'{name}: feat_channels {feat_channels} must be even and a multiple of {num_heads} heads and '
                f'{num_groups} groups'
            )
        if as_pyramid and levels != num_encoder_levels + 1:
            raise ValueError(
                f'{name}: as_pyramid gives mask features and one map per encoder level, so it needs one input level '
                f'finer than the {num_encoder_levels} encoder levels, got {levels} levels'
            )

    def init_weights(self) -> None:
        """Xavier everywhere, unit normal level vectors; the attention as in Deformable DETR."""
        super().init_weights()
        for module in self.input_convs:
            nn.init.xavier_uniform_(module.conv.weight)
            nn.init.zeros_(module.conv.bias)
        for module in [*self.lateral_convs, *self.output_convs]:
            caffe2_xavier_init(module.conv, bias=0)
        for module in (self.mask_feature, self.semantic_feature):
            if module is not None:
                caffe2_xavier_init(module, bias=0)
        nn.init.normal_(self.level_encoding.weight)
        for parameter in self.encoder.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_normal_(parameter)
        for layer in self.encoder['layers']:
            layer.self_attn.reset_parameters()

    def encode(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """The encoder's memories (B*T, C, h_i, w_i), coarsest first, of the coarsest levels of ``inputs``."""
        levels = [conv(x) for conv, x in zip(self.input_convs, inputs[::-1], strict=False)]
        sizes = [tuple(x.shape[-2:]) for x in levels]
        positions, references = [], []
        for x, vector in zip(levels, self.level_encoding.weight, strict=True):
            position = self.positional_encoding(mask=None, input=x[:1]).to(vector.dtype) + vector[:, None, None]
            positions.append(position.flatten(2).transpose(1, 2))
            references.append(_cell_centres(x))
        memory = torch.cat([x.flatten(2).transpose(1, 2) for x in levels], dim=1)  # (B*T, S, C)
        rest = torch.cat(positions, dim=1), torch.cat(references), sizes
        for layer in self.encoder['layers']:
            if self.with_cp and memory.requires_grad:
                memory = checkpoint(layer, memory, *rest, use_reentrant=False)
            else:
                memory = layer(memory, *rest)
        parts = memory.transpose(1, 2).split([h * w for h, w in sizes], dim=-1)
        return [x.unflatten(-1, size) for x, size in zip(parts, sizes, strict=True)]

    def forward(self, inputs: Sequence[Tensor], num_frames: int = 1) -> PixelFeatures | tuple[Tensor, ...]:
        """Decode a pyramid of B*T frames.

        Args:
            inputs: Levels (B*T, C_i, h_i, w_i), finest first.
            num_frames: T.

        Returns:
            ``PixelFeatures`` with mask (and semantic) features (B*T, out_channels, h, w) at ``self.stride`` and the
            memories as ``multi_scale``, coarsest first; or with ``as_pyramid`` a tuple, see the class.

        Raises:
            ValueError: If the number of levels is not that of ``in_channels``.
        """
        if len(inputs) != self.num_inputs:
            raise ValueError(
                f'{type(self).__name__} was built for {self.num_inputs} pyramid levels, the part before it gave '
                f'{len(inputs)}'
            )
        inputs = list(inputs)[self.start_level :]
        memories = self.encode(inputs)
        x = memories[-1]
        finer = inputs[: len(inputs) - len(memories)][::-1]
        for level, lateral, output in zip(finer, self.lateral_convs, self.output_convs, strict=True):
            side = lateral(level)
            x = output(side + F.interpolate(x, side.shape[-2:], mode='bilinear', align_corners=False))
        mask_features = self.mask_feature(x)
        if self.as_pyramid:
            return mask_features, *memories[::-1]
        return PixelFeatures(
            mask_features=mask_features,
            semantic_features=None if self.semantic_feature is None else self.semantic_feature(x),
            stride=self.stride,
            num_frames=num_frames,
            multi_scale=tuple(memories),
        )


def _cell_centres(x: Tensor) -> Tensor:
    """(h * w, 2) x and y of the cells' centres in [0, 1], row by row, in at least single precision."""
    (height, width), dtype = x.shape[-2:], torch.promote_types(x.dtype, torch.float32)
    rows = (torch.arange(height, device=x.device, dtype=dtype) + 0.5) / height
    columns = (torch.arange(width, device=x.device, dtype=dtype) + 0.5) / width
    grid_y, grid_x = torch.meshgrid(rows, columns, indexing='ij')
    return torch.stack([grid_x, grid_y], dim=-1).flatten(0, 1)
