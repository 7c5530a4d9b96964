"""Semantic K-Net Swin-L with UPerNet's head on ADE20K, crops of 640x640; otherwise as swin-l_ade20k_upernet.py.

Drop path 0.4; the short side of the test images is 640. Starts from: as there. Published: mIoU 52.7. Reproduced: not
run.
"""

_base_ = './swin-l_ade20k_upernet.py'

crop_size = (640, 640)
train_pipeline = [
    dict(type='ClipSample', num_refs=0),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPanopticMap'),
            dict(type='RandomResize', scale=(2048, 640), ratio_range=(0.5, 2.0), keep_ratio=True),
            dict(type='RandomFlip', prob=0.5),
            dict(type='mmseg.PhotoMetricDistortion'),
        ],
    ),
    dict(_base_.train_pipeline[2], crop_size=crop_size),
    dict(type='PackClipInputs'),
]
test_pipeline = [
    dict(
        type='TransformBroadcaster',
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(2048, 640), keep_ratio=True),
            dict(type='LoadPanopticMap'),
        ],
    ),
    dict(type='PackClipInputs', test_mode=True),
]
model = dict(backbone=dict(drop_path_rate=0.4))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
