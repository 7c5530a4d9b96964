"""STDC backbones with all four feature maps of a pyramid."""

from mmseg.models.backbones import STDCNet

from videoseg.registry import MODELS


@MODELS.register_module()
class STDCPyramid(STDCNet):
    """mmseg's STDC network with the stride-4 map, which mmseg keeps to itself, in front of strides 8, 16 and 32.

    Parameters are mmseg's, so its ImageNet weights load as they are:
    ``init_cfg=dict(type='Pretrained', checkpoint=FILE)``.

    Source: Fan et al., Rethinking BiSeNet for Real-time Semantic Segmentation, CVPR 2021; ``specs/tube_link.md``
    section 1.1.

    Args:
        stdc_type: ``'STDCNet1'`` (813 MFLOPs, 2/2/2 blocks) or ``'STDCNet2'`` (1446 MFLOPs, 4/5/3 blocks).
        base_channels: Channels of the stride-4 map; the others have 4, 8 and 16 times as many.
        norm_cfg: Normalisation layers.
        init_cfg: mmengine initialisation.

    Raises:
        ValueError: If there is no such type, or ``base_channels`` cannot be split as the blocks need it.
    """

    def __init__(
        self,
        stdc_type: str = 'STDCNet1',
        base_channels: int = 64,
        norm_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if stdc_type not in self.arch_settings:
            raise ValueError(f'stdc_type must be one of {", ".join(self.arch_settings)}, got {stdc_type!r}')
        if base_channels < 2 or base_channels % 2:
            raise ValueError(f'base_channels must be even and positive, got {base_channels}')
        super().__init__(
            stdc_type,
            in_channels=3,
            channels=(base_channels // 2, *(base_channels * factor for factor in (1, 4, 8, 16))),
            bottleneck_type='cat',
            norm_cfg=norm_cfg or dict(type='BN'),
            act_cfg=dict(type='ReLU'),
            init_cfg=init_cfg,
        )
        self.num_shallow_features = 1  # what its forward leaves out: the stride-2 map alone
