"""Semantic K-Net with a dilated ResNet-50 (stride 8) and PSPNet's head, as mmseg publishes it for images.

Kernels and features have 512 channels, the kernel updator 256: each kernel is updated in two pieces.
"""

num_classes = 124
norm_cfg = dict(type='BN', requires_grad=True)

model = dict(
    type='VideoSegmentor',
    data_preprocessor=dict(type='ClipDataPreprocessor'),
    backbone=dict(
        _scope_='mmseg',
        type='ResNetV1c',
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        norm_cfg=norm_cfg,
        norm_eval=False,
        style='pytorch',
        contract_dilation=True,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/pretrain/third_party/resnet50_v1c-2cccc1ad.pth',
        ),
    ),
    neck=dict(type='BackbonePyramid'),
    decoder=dict(
        type='SemanticKNetDecoder',
        num_things=0,
        num_stuff=num_classes,
        generate_head=dict(
            type='PSPHead',
            in_channels=2048,
            in_index=3,
            channels=512,
            pool_scales=(1, 2, 3, 6),
            dropout_ratio=0.1,
            norm_cfg=norm_cfg,
        ),
        update_head=dict(updator=dict(in_channels=256)),
        auxiliary_head=dict(
            type='FCNHead',
            in_channels=1024,
            in_index=2,
            channels=256,
            num_convs=1,
            concat_input=False,
            dropout_ratio=0.1,
            norm_cfg=norm_cfg,
        ),
    ),
    postprocessor=dict(type='SemanticPostprocessor', source='semantic_logits'),
    tracker=dict(type='KernelIndexTracker'),  # nothing is tracked: semantic results have no instances
    test_cfg=dict(window=1),
)
