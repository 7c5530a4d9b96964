"""Tube-Link R50 on YouTube-VIS 2019: tubes of 5 frames for training, windows of 4 at test time.

Starts from: mmdet's Mask2Former R50, COCO instances. Published on val: AP 52.8; the number of GPUs is not, 16 of one
clip each are our guess. Reproduced: not run.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/youtube_vis_2019.py',
    '../_base_/models/tube_link_r50_vis.py',
    '../_base_/schedules/adamw_tube_link_15k.py',
]

train_pipeline = [
    dict(type='ClipSample', consecutive=5, border='reject'),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadInstanceTracks'),
            dict(
                type='RandomChoiceResize',
                scales=[(100000, side) for side in range(288, 513, 32)],  # short side
                keep_ratio=True,
            ),
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='PackClipInputs'),
]
test_pipeline = [
    dict(
        type='TransformBroadcaster',
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(854, 480), keep_ratio=True),
            dict(type='LoadInstanceTracks', as_map=False),
        ],
    ),
    dict(type='PackClipInputs', test_mode=True),
]
windows = dict(window=4, policy='balanced')

train_dataloader = dict(dataset=dict(ann_file='train.json', pipeline=train_pipeline))
val_dataloader = dict(sampler=windows, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(sampler=windows, dataset=dict(pipeline=test_pipeline))
val_evaluator = [dict(type='VideoAPMetric', max_per_video=100)]
test_evaluator = [*val_evaluator, dict(type='PredictionWriter', format='youtube_vis', max_per_video=100)]

default_hooks = dict(checkpoint=dict(interval=5000, save_best='ap/AP'))
load_from = _base_._r50_coco_instances
load_from_allow = ['decoder.cls_embed']  # other classes
auto_scale_lr = dict(enable=False, base_batch_size=16)
