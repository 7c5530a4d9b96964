"""Pix2Seq-D R50 on Cityscapes panoptic: images of 1024x512, masks of 512x256.

Starts from: the COCO model, configs/diffusion/r50_coco_panoptic.py; set ``load_from`` to it. The schedule is ours,
after the COCO recipe: none was found in the released code. Published: PQ 64.0 (recalled from the paper, not re-read).
Reproduced: not run.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/cityscapes_panoptic.py',
    '../_base_/models/diffusion_r50.py',
    '../_base_/schedules/adamw_diffusion.py',
]

image_size = (1024, 512)
train_pipeline = [
    dict(type='ClipSample', num_refs=0),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPanopticMap'),
            dict(type='RandomResize', scale=image_size, ratio_range=(1.0, 3.0), keep_ratio=True),
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='ClipCrop', crop_size=image_size[::-1]),
    dict(type='PackClipInputs'),
]
test_pipeline = [
    dict(
        type='TransformBroadcaster',
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=image_size, keep_ratio=True),
            dict(type='LoadPanopticMap'),
        ],
    ),
    dict(type='PackClipInputs', test_mode=True),
]
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

model = dict(
    decoder=dict(num_things=8, num_stuff=11, identities='segments'),
    postprocessor=dict(segment_decoder=dict(identities='segments')),
)
optim_wrapper = dict(optimizer=dict(lr=1e-4), paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))
param_scheduler = [
    dict(type='LinearLR', start_factor=1.0, end_factor=0.1, begin=0, end=_base_.max_iters, by_epoch=False)
]
custom_hooks = [dict(type='RandomStateHook'), dict(type='EMAHook', momentum=0.001)]
default_hooks = dict(checkpoint=dict(save_best='pq/PQ'))
load_from = None
