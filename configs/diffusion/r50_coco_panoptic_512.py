"""Pix2Seq-D R50 on COCO panoptic, the low-resolution stage: 800 epochs of 512 images.

Starts from: ImageNet; the authors' encoder starts from Objects365 detection and their decoder from unconditional masks,
neither of which is at hand. The image size is ours: the reference sets it by hand. mmseg's photometric distortion
stands in for their colour jitter. Published: no number of this stage. Reproduced: not run.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/coco_panoptic.py',
    '../_base_/models/diffusion_r50.py',
    '../_base_/schedules/adamw_diffusion.py',
]

image_size = (512, 512)
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
            dict(type='mmseg.PhotoMetricDistortion'),
        ],
    ),
    dict(type='ClipCrop', crop_size=image_size),
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
    batch_size=16, sampler=dict(_delete_=True, type='ClipSampler'), dataset=dict(pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

model = dict(
    decoder=dict(num_things=80, num_stuff=53, identities='segments', max_ids=100),
    postprocessor=dict(segment_decoder=dict(identities='segments')),
)
max_epochs = 800
train_cfg = dict(_delete_=True, type='ResumableEpochLoop', max_epochs=max_epochs, val_interval=20)
optim_wrapper = dict(optimizer=dict(lr=1e-4), paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=5, by_epoch=True, convert_to_iter_based=True),
    dict(type='LinearLR', start_factor=1.0, end_factor=0.1, begin=5, end=max_epochs, by_epoch=True),
]
custom_hooks = [dict(type='RandomStateHook'), dict(type='EMAHook', momentum=0.001)]
default_hooks = dict(checkpoint=dict(by_epoch=True, interval=5, save_best='pq/PQ'))
log_processor = dict(by_epoch=True)
auto_scale_lr = dict(base_batch_size=512)
