"""Clip K-Net with ResNet-50 as published for YouTube-VIS: per-frame K-Net, mean query fusion, three clip stages."""

model = dict(
    type='VideoSegmentor',
    data_preprocessor=dict(type='ClipDataPreprocessor'),
    backbone=dict(
        type='ResNet',
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        frozen_stages=1,
        norm_cfg=dict(type='BN', requires_grad=True),
        norm_eval=True,
        style='pytorch',
        init_cfg=dict(type='Pretrained', checkpoint='https://download.pytorch.org/models/resnet50-0676ba61.pth'),
    ),
    neck=[
        dict(type='FPN', in_channels=[256, 512, 1024, 2048], out_channels=256, num_outs=4),
        dict(type='SemanticFPN', in_channels=256, feat_channels=256, out_channels=256, upsample_times=2),
    ],
    decoder=dict(type='ClipKNetDecoder', num_things=40, num_stuff=0, num_proposals=100, query_fusion='mean'),
    postprocessor=dict(type='InstancePostprocessor', max_per_img=10),
    # identity inside a window is the (kernel, class) pair
    tracker=dict(type='KernelIndexTracker', per_class=True),
    test_cfg=dict(window=64),
)
