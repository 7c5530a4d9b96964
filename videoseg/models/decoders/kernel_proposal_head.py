"""The first kernels and masks of K-Net."""

import math
from typing import NamedTuple

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

from videoseg.registry import MODELS
from videoseg.structures import PixelFeatures


class Proposals(NamedTuple):
    """Output of the proposal head for F frames.

    Attributes:
        features: (F, C, h, w), the map all stages work on.
        kernels: (F, M, C, k, k).
        mask_logits: (F, M, h, w), things first, then one a stuff class in panoptic mode.
        semantic_logits: (F, K, h, w) of all classes, things first.
    """

    features: Tensor
    kernels: Tensor
    mask_logits: Tensor
    semantic_logits: Tensor


@MODELS.register_module()
class KernelProposalHead(BaseModule):
    """Learned initial kernels, made specific to the image by the features their masks cover.

    In panoptic mode the rows of the semantic classifier become the stuff kernels.
    Source: K-Net, ``specs/video_knet.md`` section 1.2.

    Args:
        num_proposals: N thing kernels.
        num_things: Thing classes; they come first.
        num_stuff: Stuff classes.
        in_channels: C of the pixel features and the kernels.
        kernel_size: k of the k x k kernels.
        num_groups: Groups of the group norms.
        append_stuff: Append one kernel a stuff class (panoptic mode).
        binary_masks: Gather features under binary masks; otherwise weigh them by probability.
        num_semantic_classes: Width of the semantic classifier; defaults to all classes (the soft-max variant of image
            K-Net has one more for the background).
        semantic_prior: Initial class probability of the semantic classifier (focal loss), None for a zero bias.
        init_cfg: mmengine initialisation.
    """

    def __init__(
        self,
        num_proposals: int,
        num_things: int,
        num_stuff: int,
        in_channels: int = 256,
        kernel_size: int = 1,
        num_groups: int = 32,
        append_stuff: bool = True,
        binary_masks: bool = True,
        num_semantic_classes: int | None = None,
        semantic_prior: float | None = 0.01,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_proposals = num_proposals
        self.num_things = num_things
        self.num_stuff = num_stuff
        self.append_stuff = append_stuff
        self.binary_masks = binary_masks
        self.semantic_prior = semantic_prior
        norm_cfg = dict(type='GN', num_groups=num_groups)
        self.loc_convs = nn.ModuleList([ConvModule(in_channels, in_channels, 1, norm_cfg=norm_cfg)])
        self.seg_convs = nn.ModuleList([ConvModule(in_channels, in_channels, 1, norm_cfg=norm_cfg)])
        padding = kernel_size // 2
        self.init_kernels = nn.Conv2d(in_channels, num_proposals, kernel_size, padding=padding, bias=False)
        self.conv_seg = nn.Conv2d(in_channels, num_semantic_classes or num_things + num_stuff, 1)
        if append_stuff and kernel_size != 1:
            raise ValueError('KernelProposalHead: stuff kernels are 1x1 classifier rows, so kernel_size must be 1')

    def init_weights(self) -> None:
        """Normal convolutions, unit normal kernels, focal bias (spec 1.2)."""
        super().init_weights()
        for module in [*self.loc_convs, *self.seg_convs]:
            nn.init.normal_(module.conv.weight, std=0.01)
        nn.init.normal_(self.conv_seg.weight, std=0.01)
        prior = self.semantic_prior
        nn.init.constant_(self.conv_seg.bias, -math.log((1 - prior) / prior) if prior else 0.0)
        nn.init.normal_(self.init_kernels.weight, std=1.0)

    def forward(self, feats: PixelFeatures) -> Proposals:
        """Propose kernels for all F = B*T frames.

        Raises:
            ValueError: If the neck gives no semantic features.
        """
        if feats.semantic_features is None:
            raise ValueError('KernelProposalHead needs semantic features: use a neck that gives them, e.g. SemanticFPN')
        located = self.loc_convs[0](feats.mask_features)
        semantic = self.seg_convs[0](feats.semantic_features)
        mask_logits = self.init_kernels(located)
        semantic_logits = self.conv_seg(semantic)
        features = located + semantic
        masks = mask_logits.sigmoid()
        if self.binary_masks:
            masks = (masks > 0.5).to(features.dtype)
        gathered = torch.bmm(masks.flatten(2), features.flatten(2).transpose(1, 2))  # (F, N, C)
        kernels = self.init_kernels.weight[None] + gathered[..., None, None]
        if self.append_stuff:
            stuff = slice(self.num_things, self.num_things + self.num_stuff)
            mask_logits = torch.cat([mask_logits, semantic_logits[:, stuff]], dim=1)
            stuff_kernels = self.conv_seg.weight[stuff][None].expand(kernels.shape[0], -1, -1, -1, -1)
            kernels = torch.cat([kernels, stuff_kernels], dim=1)
        return Proposals(features, kernels, mask_logits, semantic_logits)
