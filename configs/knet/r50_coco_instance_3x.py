"""K-Net R50 on COCO instances, 3x: 12 epochs of each image three times, short side 640 to 800.

Starts from: ImageNet. Published: mask AP 37.8. Reproduced: not run. See r50_coco_instance.py for what differs.
"""

_base_ = './r50_coco_instance.py'

train_pipeline = [
    dict(type='ClipSample', num_refs=0),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadInstanceTracks'),
            dict(type='RandomResize', scale=[(1333, 640), (1333, 800)], keep_ratio=True),  # any side between
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='PackClipInputs'),
]
train_dataloader = dict(sampler=dict(repeat=3), dataset=dict(pipeline=train_pipeline))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=1000, by_epoch=False),
    dict(type='MultiStepLR', milestones=[9, 11], gamma=0.1, begin=0, end=12, by_epoch=True),
]
