"""80,000 iterations of AdamW as semantic K-Net publishes them for ADE20K: 16 images an iteration, 512x512."""

train_cfg = dict(type='ResumableIterLoop', max_iters=80000, val_interval=8000)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.0005),
    clip_grad=dict(max_norm=1.0, norm_type=2),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=1000, by_epoch=False),
    dict(type='MultiStepLR', milestones=[60000, 72000], gamma=0.1, begin=1000, end=80000, by_epoch=False),
]
