"""Video K-Net with ResNet-50 as published for KITTI-STEP: embedding, linking and fusion."""

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
    decoder=dict(
        type='VideoKNetDecoder',
        num_things=2,
        num_stuff=17,
        num_proposals=100,
        mask_assign_stride=2,
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
        embedding_head=dict(type='AssociationEmbeddingHead'),
        linking=dict(type='PreviousKernelAttention', update='none'),
        fusion=dict(type='PreviousKernelAttention', update='group_features'),
    ),
    postprocessor=dict(
        type='PanopticPostprocessor',
        instance_score_thr=0.25,
        overlap_thr=0.6,
        void_fill='kept',
        box_source='mask_and_semantic',
    ),
    tracker=dict(type='QuasiDenseEmbeddingTracker'),
    test_cfg=dict(window=1),
)
