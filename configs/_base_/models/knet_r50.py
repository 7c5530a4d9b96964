"""Image K-Net with ResNet-50 as published: focal semantic branch, ranking loss with stuff, masks at stride 4."""

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
    decoder=dict(type='KNetDecoder', num_things=80, num_stuff=53, num_proposals=100, mask_assign_stride=4),
    postprocessor=dict(type='PanopticPostprocessor', candidates='best_class', instance_score_thr=0.3, overlap_thr=0.6),
    tracker=dict(type='KernelIndexTracker'),
    test_cfg=dict(window=1),
)
