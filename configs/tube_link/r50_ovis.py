"""Tube-Link R50 on OVIS: tubes of 4 frames, crops of 384x640, 10,000 iterations.

Starts from: mmdet's Mask2Former R50, COCO instances. Published: no number that we know; the number of GPUs neither, 16
of one clip each are our guess. Reproduced: not run.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/ovis.py',
    '../_base_/models/tube_link_r50_vis.py',
    '../_base_/schedules/adamw_tube_link_15k.py',
]

train_pipeline = [
    dict(type='ClipSample', consecutive=4, border='reject'),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadInstanceTracks'),
            dict(
                type='RandomChoiceResize',
                scales=[(100000, side) for side in range(480, 801, 32)],  # short side
                keep_ratio=True,
            ),
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='ClipCrop', crop_size=(384, 640), keep_shared_ids=False, on_fail='reject'),
    dict(type='PackClipInputs'),
]
test_pipeline = [
    dict(
        type='TransformBroadcaster',
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(640, 360), keep_ratio=True),
            dict(type='LoadInstanceTracks', as_map=False),
        ],
    ),
    dict(type='PackClipInputs', test_mode=True),
]
windows = dict(window=4, policy='balanced')

model = dict(decoder=dict(num_things=25))
train_dataloader = dict(dataset=dict(ann_file='annotations_train.json', pipeline=train_pipeline))
val_dataloader = dict(sampler=windows, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(sampler=windows, dataset=dict(pipeline=test_pipeline))
val_evaluator = [dict(type='VideoAPMetric', max_per_video=100, occlusion='ovis')]
test_evaluator = [*val_evaluator, dict(type='PredictionWriter', format='ovis', max_per_video=100)]

max_iters = 10000
train_cfg = dict(max_iters=max_iters, val_interval=2500)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=500, by_epoch=False),
    dict(type='MultiStepLR', milestones=[2500, 5000], gamma=0.1, begin=0, end=max_iters, by_epoch=False),
]
default_hooks = dict(checkpoint=dict(interval=2500, save_best='ap/AP'))
load_from = _base_._r50_coco_instances
load_from_allow = ['decoder.cls_embed']  # other classes
auto_scale_lr = dict(enable=False, base_batch_size=16)
