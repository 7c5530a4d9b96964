"""Pix2Seq-D R50 on DAVIS-2017, class-agnostic: frames of 512x1024, masks of 256x512, identities alone.

Starts from: the COCO model, configs/diffusion/r50_coco_panoptic.py; set ``load_from`` to it (the first and the last
convolution start anew: other codes, and two past masks). Published, val, unsupervised: J&F 68.4 (recalled from the
paper, not re-read). Reproduced: not run.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/davis.py',
    '../_base_/models/diffusion_r50.py',
    '../_base_/schedules/adamw_diffusion.py',
]

image_size = (1024, 512)
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
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

model = dict(
    decoder=dict(
        num_things=1,
        num_stuff=0,
        num_past=2,
        codec=dict(num_class_bits=0, num_id_bits=4),
        loss_bits=dict(chunk=64),
    ),
)
optim_wrapper = dict(optimizer=dict(lr=3e-5))
custom_hooks = [dict(type='RandomStateHook'), dict(type='EMAHook', momentum=0.01)]
load_from = None
load_from_allow = ['decoder.denoiser.conv_in', 'decoder.denoiser.conv_out']
default_hooks = dict(checkpoint=dict(save_best='jf/J&F'))
