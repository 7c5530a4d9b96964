"""Pix2Seq-D R50 on COCO panoptic, the high-resolution stage: 15 epochs of 16 images of 1024x1024, masks of 512x512.

Starts from: the low-resolution stage, configs/diffusion/r50_coco_panoptic_512.py; set ``load_from`` to it. Published:
PQ 50.3 with 20 steps (recalled from the paper and corroborated by two secondary sources, not re-read). Reproduced: not
run.
"""

_base_ = './r50_coco_panoptic_512.py'

image_size = (1024, 1024)
train_pipeline = [
    dict(type='ClipSample', num_refs=0),
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
train_dataloader = dict(batch_size=2, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

model = dict(decoder=dict(loss_bits=dict(chunk=64)))  # rows of logits at a time: 512x512 x 512 codes are half a GB
max_epochs = 15
train_cfg = dict(max_epochs=max_epochs, val_interval=1)
optim_wrapper = dict(optimizer=dict(lr=1e-5))
param_scheduler = [dict(type='LinearLR', start_factor=1.0, end_factor=0.1, begin=0, end=max_epochs, by_epoch=True)]
default_hooks = dict(checkpoint=dict(interval=1))
load_from = None
auto_scale_lr = dict(base_batch_size=16)
