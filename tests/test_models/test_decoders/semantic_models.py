"""Small semantic K-Nets: configs of their heads and stages, features and a whole model."""

import torch

from videoseg.registry import MODELS

WIDTHS = (8, 12, 16, 24)
NORM = dict(norm_cfg=dict(type='BN'))
HEADS = {
    'fcn': dict(type='FCNHead', in_channels=24, in_index=3, channels=32, num_convs=2, **NORM),
    'psp': dict(type='PSPHead', in_channels=24, in_index=3, channels=32, pool_scales=(1, 2), **NORM),
    'aspp': dict(type='ASPPHead', in_channels=24, in_index=3, channels=32, dilations=(1, 2), **NORM),
    'uper': dict(type='UPerHead', in_channels=WIDTHS, in_index=(0, 1, 2, 3), channels=32, pool_scales=(1, 2), **NORM),
}
DEEPLAB = dict(
    type='DepthwiseSeparableASPPHead',
    in_channels=24,
    in_index=3,
    channels=32,
    dilations=(1, 2),
    c1_in_channels=8,
    c1_channels=8,
    **NORM,
)
DEEPLAB_TINY = dict(DEEPLAB, in_channels=112, in_index=2, c1_in_channels=24)
AUXILIARY = dict(type='FCNHead', in_channels=16, in_index=2, channels=8, num_convs=1, concat_input=False, **NORM)
UPDATE = dict(num_heads=4, feedforward_channels=48, updator=dict(in_channels=16))


def pyramid(seed=0, frames=2):
    generator = torch.Generator().manual_seed(seed)
    sizes = ((16, 24), (8, 12), (8, 12), (8, 12))
    maps = [torch.randn(frames, c, *size, generator=generator) for c, size in zip(WIDTHS, sizes, strict=True)]
    feats = MODELS.build(dict(type='BackbonePyramid'))(maps, 1)
    return maps, feats


def vss_model(head=None, auxiliary=True, fusion=True, neck=None, postprocessor=None, **decoder):
    """A tiny VSS model on EfficientNet-Lite0 with random weights."""
    auxiliary_head = dict(AUXILIARY, in_channels=112) if auxiliary else None
    cfg = dict(
        type='VideoSegmentor',
        data_preprocessor=dict(type='ClipDataPreprocessor', mean=[127.0] * 3, std=[128.0] * 3),
        backbone=dict(type='EfficientNetLite'),
        neck=neck or dict(type='BackbonePyramid'),
        decoder=dict(
            type='SemanticKNetDecoder',
            num_things=2,
            num_stuff=2,
            generate_head=head or dict(HEADS['fcn'], in_channels=112, in_index=2, num_convs=1),
            num_stages=2,
            update_head=UPDATE,
            auxiliary_head=auxiliary_head,
            fusion=dict(update='group_features') if fusion else None,
            **decoder,
        ),
        postprocessor=postprocessor or dict(type='SemanticPostprocessor', source='semantic_logits'),
        tracker=dict(type='KernelIndexTracker'),
    )
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    return model.eval()
