"""Tube-Link R50 on KITTI-STEP: 8 epochs of 4 passes, crops of 384x1248, the short sides 384 to 768.

The authors published numbers and the data section (augmentation, 4 passes), but no model: queries, tubes, windows and
schedule are those of r50_vipseg.py, our choice. Starts from: mmdet's Mask2Former R50, COCO panoptic. Published on val:
STQ 68, AQ 67, SQ 69, VPQ 51. Reproduced: not run.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/kitti_step.py',
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
            dict(type='RandomResize', scale=(1248, 384), ratio_range=(1.0, 2.0), keep_ratio=True),
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='ClipCrop', crop_size=(384, 1248), keep_instances=False, keep_shared_ids=False),
    dict(type='PackClipInputs'),
]
model = dict(decoder=dict(num_things=2, num_stuff=17))
train_dataloader = dict(sampler=dict(repeat=4), dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(sampler=dict(window=4))
test_dataloader = val_dataloader

default_hooks = dict(checkpoint=dict(by_epoch=True, interval=1))
log_processor = dict(by_epoch=True)
load_from = _base_._r50_coco_panoptic
load_from_allow = ['decoder.cls_embed', 'decoder.link', 'decoder.association']
auto_scale_lr = dict(enable=False, base_batch_size=16)
