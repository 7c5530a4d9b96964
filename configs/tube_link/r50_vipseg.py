"""Tube-Link R50 on VIPSeg: a key and a reference tube of 2 frames each, windows of 4 frames at test time.

Starts from: mmdet's Mask2Former R50, COCO panoptic. Published on val, 16 GPUs of one clip each: VPQ 39.2, STQ 39.5
(main table; 37.5 and 36.5 with windows of 2). Reproduced: not run.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/vipseg.py',
    '../_base_/models/tube_link_r50.py',
    '../_base_/schedules/adamw_tube_link.py',
]

train_pipeline = [
    dict(type='ClipSample', consecutive=4, border='reject'),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPanopticMap'),
            dict(type='RandomResize', scale=(100000, 720), ratio_range=(1.0, 2.0), keep_ratio=True),  # short side
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='ClipCrop', crop_size=(736, 736), keep_instances=False, keep_shared_ids=False),
    dict(type='PackClipInputs'),
]
train_dataloader = dict(sampler=dict(infinite=False), dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(sampler=dict(window=4))
test_dataloader = val_dataloader

default_hooks = dict(checkpoint=dict(by_epoch=True, interval=1, save_best='vpq/VPQ'))
log_processor = dict(by_epoch=True)
load_from = _base_._r50_coco_panoptic
load_from_allow = ['decoder.cls_embed', 'decoder.link', 'decoder.association']  # other classes; parts that are new
auto_scale_lr = dict(enable=False, base_batch_size=16)
