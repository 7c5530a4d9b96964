"""Pix2Seq-D R50 on Cityscapes images with the classes of KITTI-STEP: the image stage of r50_kitti_step.py.

The images lie under data/cityscapes_step in the same encoding as KITTI-STEP, as for K-Net. The network has its inputs
for two past masks already, which are void, as in the first frame of a video. Starts from: ImageNet. The schedule is
ours. Published: no number. Reproduced: not run.
"""

_base_ = ['./r50_kitti_step.py']

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
train_dataloader = dict(dataset=dict(data_root='data/cityscapes_step/', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(data_root='data/cityscapes_step/', pipeline=test_pipeline))
test_dataloader = val_dataloader

model = dict(decoder=dict(missing_past='void'))
optim_wrapper = dict(optimizer=dict(lr=1e-4), paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))
param_scheduler = [
    dict(type='LinearLR', start_factor=1.0, end_factor=0.1, begin=0, end=_base_.max_iters, by_epoch=False)
]
custom_hooks = [dict(type='RandomStateHook'), dict(type='EMAHook', momentum=0.001)]
# the frames of a city are no video: only single-frame quality means something
val_evaluator = [dict(type='VPQMetric', windows=(1,))]
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='vpq/VPQ_1'))
