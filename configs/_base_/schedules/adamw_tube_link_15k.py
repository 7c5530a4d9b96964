"""15,000 iterations, otherwise as adamw_tube_link.py: Tube-Link for VIS."""

_base_ = './adamw_tube_link.py'

max_iters = 15000
train_cfg = dict(_delete_=True, type='ResumableIterLoop', max_iters=max_iters, val_interval=5000)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=500, by_epoch=False),
    dict(type='MultiStepLR', milestones=[5000, 10000], gamma=0.1, begin=0, end=max_iters, by_epoch=False),
]
