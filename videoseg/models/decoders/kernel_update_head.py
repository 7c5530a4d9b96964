"""One stage of K-Net's iterative kernel update."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from mmcv.cnn.bricks.transformer import FFN, MultiheadAttention
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from videoseg.registry import MODELS


class StageOutput(NamedTuple):
    """What a stage hands on; B = F where every frame has kernels of its own.

    Attributes:
        class_logits: (B, M, K); None from a stage without classes.
        mask_logits: (F, M, h, w) at the stride of the features.
        kernels: (B, M, C, k, k), the input of the next stage.
        track_kernels: (B, M, C, k, k) linked kernels, None without previous kernels or without linking.
    """

    class_logits: Tensor | None
    mask_logits: Tensor
    kernels: Tensor
    track_kernels: Tensor | None


class _PointwiseTransform(nn.Module):
    """A 1x1 convolution under the published parameter name ``conv``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


@MODELS.register_module()
class KernelUpdateHead(BaseModule):
    """Gather what each kernel's mask covers, update the kernels, let them interact, predict classes and masks.

    Kernels are those of one frame, or of a tube of T frames that share them: then what they gather is averaged over the
    frames, they are updated once, and convolved with every frame (the clip stages of 2.8).

    Parameter names are the published ones. Kernel linking and kernel fusion are optional parts.
    Source: K-Net and Video K-Net, ``specs/video_knet.md`` sections 1.4 and 2.3; semantic K-Net (1.9) is
    ``with_classes=False, group_masks='softmax', updator=dict(in_channels=256)`` on 512 channels.

    Args:
        num_classes: K, things and stuff together.
        in_channels: C.
        kernel_size: k of the k x k kernels.
        num_heads: Heads of the kernel interaction.
        feedforward_channels: Hidden width of its feed-forward network.
        mask_threshold: Probability above which a pixel belongs to a kernel's group.
        group_masks: ``'binary'``: groups by that threshold; ``'softmax'``: pixels are shared out among the kernels.
        mask_transform_stride: 2 computes the new masks at half resolution and doubles them again.
        updator: Config of the kernel updator. If its ``in_channels`` is a fraction of C, every kernel is updated in
            pieces of that width (1x1 kernels only).
        linking: Config of the linking block, or None.
        fusion: Config of the fusion block, or None.
        with_classes: Predict classes.
        prior_probability: Initial class probability (focal loss bias).
        init_cfg: mmengine initialisation.

    Raises:
        ValueError: For an unknown ``group_masks``, or an updator that does not divide the kernels.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 256,
        kernel_size: int = 1,
        num_heads: int = 8,
        feedforward_channels: int = 2048,
        mask_threshold: float = 0.5,
        group_masks: str = 'binary',
        mask_transform_stride: int = 1,
        updator: dict | None = None,
        linking: dict | None = None,
        fusion: dict | None = None,
        with_classes: bool = True,
        prior_probability: float = 0.01,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if group_masks not in ('binary', 'softmax'):
            raise ValueError(f"KernelUpdateHead: group_masks must be 'binary' or 'softmax', not {group_masks!r}")
        self.kernel_size = kernel_size
        self.mask_threshold = mask_threshold
        self.group_masks = group_masks
        self.mask_transform_stride = mask_transform_stride
        self.prior_probability = prior_probability
        width = in_channels * kernel_size**2
        piece = (updator or {}).get('in_channels', in_channels)
        if in_channels % piece or (kernel_size > 1 and piece != in_channels):
            raise ValueError(
                f'KernelUpdateHead: an updator of {piece} channels cannot update {kernel_size}x{kernel_size} kernels '
                f'of {in_channels} channels in equal pieces'
            )
        self.num_pieces = in_channels // piece
        channels = dict(in_channels=piece, feat_channels=piece, out_channels=piece)
        part = dict(embed_dims=in_channels, num_heads=num_heads, feedforward_channels=feedforward_channels)
        self.feat_transform = _PointwiseTransform(in_channels)
        self.kernel_update_conv = MODELS.build({**dict(type='KernelUpdator'), **channels, **(updator or {})})
        self.attention = MultiheadAttention(width, num_heads, batch_first=True)
        self.attention_norm = nn.LayerNorm(width)
        self.ffn = FFN(in_channels, feedforward_channels)
        self.ffn_norm = nn.LayerNorm(in_channels)
        self.with_classes = with_classes
        if with_classes:
            self.cls_fcs = self._branch(in_channels)
            self.fc_cls = nn.Linear(in_channels, num_classes)
        self.mask_fcs = self._branch(in_channels)
        self.fc_mask = nn.Linear(in_channels, in_channels)
        self.linking = MODELS.build({**part, **linking}) if linking else None
        self.fusion = MODELS.build({**part, **fusion}) if fusion else None

    @staticmethod
    def _branch(channels: int) -> nn.Sequential:
        return nn.Sequential(nn.Linear(channels, channels, bias=False), nn.LayerNorm(channels), nn.ReLU(inplace=True))

    def init_weights(self) -> None:
        """Xavier-uniform matrices and the focal class bias (spec 1.4)."""
        super().init_weights()
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        if self.with_classes:
            nn.init.constant_(self.fc_cls.bias, -math.log((1 - self.prior_probability) / self.prior_probability))

    def _gather(self, features: Tensor, mask_logits: Tensor) -> Tensor:
        """Sum of the features under every mask: (F, M, C)."""
        if mask_logits.shape[-2:] != features.shape[-2:]:
            mask_logits = F.interpolate(mask_logits, features.shape[-2:], mode='bilinear', align_corners=False)
        if self.group_masks == 'softmax':
            groups = mask_logits.softmax(dim=1)
        else:
            groups = (mask_logits.sigmoid() > self.mask_threshold).to(features.dtype)
        return torch.bmm(groups.flatten(2), features.flatten(2).transpose(1, 2))

    def _new_masks(self, features: Tensor, mask_kernels: Tensor) -> Tensor:
        """Every frame's features (F, C, h, w) convolved with the kernels (B, M, C, k, k) of its tube: (F, M, h, w)."""
        frames, num_kernels = features.shape[0], mask_kernels.shape[1]
        mask_kernels = mask_kernels[:, None].expand(-1, frames // len(mask_kernels), -1, -1, -1, -1).flatten(0, 1)
        if self.mask_transform_stride > 1:
            scale = 1 / self.mask_transform_stride
            features = F.interpolate(features, scale_factor=scale, mode='bilinear', align_corners=False)
        if self.kernel_size == 1:
            masks = torch.bmm(mask_kernels.flatten(2), features.flatten(2)).unflatten(-1, features.shape[-2:])
        else:
            masks = F.conv2d(
                features.flatten(0, 1)[None], mask_kernels.flatten(0, 1), padding=self.kernel_size // 2, groups=frames
            ).view(frames, num_kernels, *features.shape[-2:])
        if self.mask_transform_stride > 1:
            scale = self.mask_transform_stride
            masks = F.interpolate(masks, scale_factor=scale, mode='bilinear', align_corners=False)
        return masks

    def _update_kernels(self, group: Tensor, cells: Tensor) -> Tensor:
        """Mix kernels (F, M, k*k, C) with what they gathered (F, M, C), then let them interact."""
        if self.num_pieces == 1:
            cells = self.kernel_update_conv(group, cells)
        else:  # (F, M, 1, C) as (F, M, pieces, 1, C / pieces)
            pieces = cells.unflatten(-1, (self.num_pieces, -1)).transpose(2, 3)
            cells = self.kernel_update_conv(group.unflatten(-1, (self.num_pieces, -1)), pieces).reshape(cells.shape)
        flat = cells.flatten(2)
        cells = self.attention_norm(self.attention(flat)).view_as(cells)
        return self.ffn_norm(self.ffn(cells))

    def _predict(self, cells: Tensor, shape: torch.Size) -> tuple[Tensor | None, Tensor]:
        """Class logits (F, M, K) and mask kernels of the given shape (F, M, C, k, k)."""
        class_logits = self.fc_cls(self.cls_fcs(cells.sum(-2))) if self.with_classes else None
        return class_logits, self.fc_mask(self.mask_fcs(cells)).transpose(2, 3).reshape(shape)

    def forward(
        self,
        features: Tensor,
        kernels: Tensor,
        mask_logits: Tensor,
        previous: Tensor | None = None,
        fuse: Callable[[Tensor], Tensor] | None = None,
    ) -> StageOutput:
        """Run the stage on F = B * T frames of B tubes; of single frames, T = 1.

        Args:
            features: (F, C, h, w), the frames of a tube one after the other.
            kernels: (B, M, C, k, k), shared by the frames of a tube.
            mask_logits: (F, M, h', w') masks that the kernels stand for.
            previous: (B, M, C, k, k) kernels of the previous frame or tube, or None.
            fuse: What makes group features (B, M, C) of those of the frames (B, T, M, C); their mean by default.

        Returns:
            Classes, masks, kernels and linked kernels.
        """
        shape = kernels.shape
        features = self.feat_transform(features)
        group = self._gather(features, mask_logits).unflatten(0, (len(kernels), -1))
        group = group.mean(1) if fuse is None else fuse(group)
        cells = kernels.flatten(3).transpose(2, 3)  # (B, M, k*k, C)
        if previous is not None:
            previous = previous.flatten(3).transpose(2, 3)
            if self.fusion is not None:
                cells = self.fusion(cells, previous, group)
        cells = self._update_kernels(group, cells)
        track = None
        if previous is not None and self.linking is not None:
            track = self.linking(cells, previous, group).transpose(2, 3).reshape(shape)
        class_logits, mask_kernels = self._predict(cells, shape)
        masks = self._new_masks(features, mask_kernels)
        return StageOutput(class_logits, masks, cells.transpose(2, 3).reshape(shape), track)
