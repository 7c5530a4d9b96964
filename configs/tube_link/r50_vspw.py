"""Tube-Link R50 on VSPW: tubes of 4 frames, 2 apart, for training; windows of 6 at test time.

Starts from: mmdet's Mask2Former R50, COCO panoptic. Published: no number that we know; the authors lost the weights.
The number of GPUs is not known, 16 of one clip each are our guess. Reproduced: not run.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/vspw.py',
    '../_base_/models/tube_link_r50_vss.py',
    '../_base_/schedules/adamw_tube_link.py',
]

train_pipeline = [
    dict(type='ClipSample', consecutive=4, stride=2, border='reject'),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPanopticMap'),
            dict(type='RandomResize', scale=(100000, 480), ratio_range=(1.0, 2.0), keep_ratio=True),  # short side
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='ClipCrop', crop_size=(480, 480), keep_instances=False, keep_shared_ids=False),
    dict(type='PackClipInputs'),
]
train_dataloader = dict(batch_size=1, sampler=dict(infinite=False), dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(sampler=dict(window=6))
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=6)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=500, by_epoch=False),
    dict(type='MultiStepLR', milestones=[5], gamma=0.1, begin=0, end=6, by_epoch=True),
]
default_hooks = dict(checkpoint=dict(by_epoch=True, interval=1, save_best='vss/mIoU'))
log_processor = dict(by_epoch=True)
load_from = _base_._r50_coco_panoptic
load_from_allow = ['decoder.cls_embed']  # other classes
auto_scale_lr = dict(enable=False, base_batch_size=16)
