"""Pix2Seq-D with ResNet-50 cut after stage 3, 12 encoder layers, masks at half the image size, 256 codes a group."""

model = dict(
    type='VideoSegmentor',
    data_preprocessor=dict(type='ClipDataPreprocessor'),
    backbone=dict(
        type='ResNet',
        depth=50,
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(0, 1, 2),
        frozen_stages=1,
        norm_cfg=dict(type='BN', requires_grad=True),
        norm_eval=True,
        style='pytorch',
        init_cfg=dict(type='Pretrained', checkpoint='https://download.pytorch.org/models/resnet50-0676ba61.pth'),
    ),
    neck=dict(
        type='PyramidMerge',
        in_channels=[256, 512, 1024],
        strides=(4, 8, 16),
        out_channels=256,
        token_channels=512,
        mask_stride=2,
        num_layers=12,
        num_heads=16,
        feedforward_channels=2048,
    ),
    decoder=dict(
        type='DiffusionDecoder',
        num_things=2,
        num_stuff=17,
        in_channels=256,
        token_channels=512,
        codec=dict(num_class_bits=8, num_id_bits=8, scale=0.1),
        denoiser=dict(
            type='TransUNetDenoiser', base_channels=128, bottom_channels=512, time_channels=512, num_layers=6
        ),
        loss_bits=dict(type='SizeWeightedBitLoss', power=0.2),
        td=1.0,
        steps_first=20,
    ),
    postprocessor=dict(type='MapPostprocessor', segment_decoder=dict(type='SegmentDecoder', min_pixels=40)),
    tracker=dict(type='DecoderIdTracker'),
    test_cfg=dict(window=1),
)
