"""K-Net R50 on COCO panoptic, 1x: 12 epochs, 1333x800, flip.

Starts from: ImageNet. Published: PQ 44.3 (3x 47.1). Reproduced: not run. The authors' weights convert with
``tools/model_converters/convert_weights.py KNET.pth OUT.pth --check configs/knet/r50_coco_panoptic.py``. Video K-Net on
VIPSeg starts from this model.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/coco_panoptic.py',
    '../_base_/models/knet_r50.py',
    '../_base_/schedules/adamw_12e.py',
]

image_size = (1333, 800)
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
train_dataloader = dict(
    batch_size=2,
    sampler=dict(_delete_=True, type='ClipSampler'),
    dataset=dict(pipeline=train_pipeline),
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=1000, by_epoch=False),
    dict(type='MultiStepLR', milestones=[8, 11], gamma=0.1, begin=0, end=12, by_epoch=True),
]
default_hooks = dict(checkpoint=dict(by_epoch=True, interval=1, save_best='pq/PQ'))
log_processor = dict(by_epoch=True)
auto_scale_lr = dict(enable=False, base_batch_size=16)  # 2 images a GPU as published; 8 GPUs are our guess
