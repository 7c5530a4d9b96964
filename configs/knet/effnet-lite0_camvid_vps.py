"""K-Net on EfficientNet-Lite0 for CamVid frames at 1 Hz: the image stage before
configs/video_knet/effnet-lite0_camvid_vps.py.

Starts from: EfficientNet-Lite0, ImageNet. Needs data/camvid_vps (clips and panoptic_1hz) and data/camvid (images).
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/camvid_vps.py',
    '../_base_/models/knet_effnet_lite0.py',
]

model = dict(
    backbone=dict(frozen_stages=2, padding='symmetric'),  # with channels_last a third less time a step
    decoder=dict(num_things=3, num_stuff=8, num_proposals=40),
    postprocessor=dict(max_per_img=40),
)
channels_last = True
train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        data_root='data/',
        layout='images',
        data_prefix=dict(img='camvid/images/train', seg='camvid_vps/panoptic_1hz'),
        pipeline=[
            dict(type='ClipSample', num_refs=0),
            dict(type='TransformBroadcaster', share_random_params=True, transforms=_base_.augmentation),
            dict(type='ClipCrop', crop_size=_base_.crop_size),
            dict(type='PackClipInputs'),
        ],
    ),
)
max_iters = 1100
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
default_hooks = dict(checkpoint=dict(interval=275), logger=dict(interval=25))
auto_scale_lr = dict(enable=False, base_batch_size=4)
