"""Pix2Seq-D R50 on KITTI-STEP: frames of 384x1248, masks of 192x624, two past masks.

Starts from: the image model with the same classes, configs/diffusion/r50_cityscapes_step.py; set ``load_from`` to it.
50,000 iterations of 32 clips at a constant rate (1e-5 or 3e-5 in the released sweep). 5 bits hold the 19 classes, where
the authors use 8. Published: no number was found. Reproduced: not run.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/kitti_step.py',
    '../_base_/models/diffusion_r50.py',
    '../_base_/schedules/adamw_diffusion.py',
]

image_size = (1248, 384)
train_pipeline = [
    dict(type='ClipSample', offsets=(-2, -1), num_refs=2),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPanopticMap'),
            dict(type='Resize', scale=image_size, keep_ratio=True),
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
            dict(type='Resize', scale=image_size, keep_ratio=True),
            dict(type='LoadPanopticMap'),
        ],
    ),
    dict(type='PackClipInputs', test_mode=True),
]
train_dataloader = dict(
    batch_size=4,
    sampler=dict(_delete_=True, type='ClipSampler', infinite=True),
    dataset=dict(pipeline=train_pipeline),
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

model = dict(
    decoder=dict(num_things=2, num_stuff=17, num_past=2, codec=dict(num_class_bits=5), loss_bits=dict(chunk=48))
)
custom_hooks = [dict(type='RandomStateHook'), dict(type='EMAHook', momentum=0.01)]
load_from = None
