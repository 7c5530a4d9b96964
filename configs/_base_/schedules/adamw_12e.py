"""12 epochs of AdamW as K-Net and Video K-Net publish them (specs/video_knet.md section 3)."""

train_cfg = dict(type='ResumableEpochLoop', max_epochs=12, val_interval=1)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.25))),
    clip_grad=dict(max_norm=1.0, norm_type=2),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=1000, by_epoch=False),
    dict(type='MultiStepLR', milestones=[9, 11], gamma=0.1, begin=0, end=12, by_epoch=True),
]
