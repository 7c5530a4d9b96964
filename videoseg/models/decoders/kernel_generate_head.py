"""The first kernels of semantic K-Net: the classifier of a semantic segmentation head."""

from mmengine.model import BaseModule
from torch import Tensor

from videoseg.models.decoders.kernel_proposal_head import Proposals
from videoseg.registry import MODELS
from videoseg.structures import PixelFeatures


def _keep(features: Tensor) -> Tensor:
    return features


@MODELS.register_module()
class KernelGenerateHead(BaseModule):
    """A decode head of mmseg (FCN, PSP, ASPP, depthwise separable ASPP, UPer ...) as the source of kernels.

    Its map before the classifier is the feature of all stages, its classifier's rows are the kernels, one a class, and
    its logits are the first masks. The levels that its ``in_index`` counts are ``mask_features`` followed by
    ``multi_scale`` from fine to coarse: after the neck ``BackbonePyramid`` those of the backbone.

    mmseg's own K-Net takes the features from a method that its DeepLabv3+ head does not override, so that there the
    decoder's part would be skipped; here they are what the head's classifier really sees.
    Source: K-Net, ``specs/video_knet.md`` section 1.9.

    Args:
        head: Config of the mmseg head, without ``num_classes``; nothing of its ``loss_decode`` is used.
        num_classes: K.
        init_cfg: mmengine initialisation.
    """

    def __init__(self, head: dict, num_classes: int, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.head = MODELS.build({**head, 'num_classes': num_classes, '_scope_': 'mmseg'})
        self.head.cls_seg = _keep  # its forward ends with this call; the classifier follows in ours

    @property
    def channels(self) -> int:
        """Channels C of features and kernels."""
        return self.head.channels

    def forward(self, feats: PixelFeatures) -> Proposals:
        """Kernels (F, K, C, 1, 1), masks (F, K, h, w) and features (F, C, h, w) of all F = B*T frames.

        Raises:
            ValueError: If the neck gives fewer levels than the head reads.
        """
        levels = [feats.mask_features, *reversed(feats.multi_scale)]
        wanted = self.head.in_index if isinstance(self.head.in_index, (list, tuple)) else [self.head.in_index]
        if max(wanted) >= len(levels):
            raise ValueError(
                f'{type(self.head).__name__} reads level {max(wanted)} (in_index), the neck gives {len(levels)} levels '
                '(mask_features, then multi_scale from fine to coarse): use the neck BackbonePyramid or change in_index'
            )
        features = self.head(levels)
        dropped = features if self.head.dropout is None else self.head.dropout(features)
        logits = self.head.conv_seg(dropped)
        kernels = self.head.conv_seg.weight[None].expand(len(features), -1, -1, -1, -1)
        return Proposals(features, kernels, logits, logits)
