"""COCO panoptic images under data/coco, for pre-training: <split>2017/, annotations/panoptic_<split>2017{.json,/}.

Every image is a clip of its own. Images that are smaller than the crop are padded.
"""

_base_ = ['./cityscapes_panoptic.py']

data_root = 'data/coco/'
dataset_type = 'COCOPanopticImageDataset'
crop_size = (640, 640)

train_pipeline = [
    dict(type='ClipSample', num_refs=0),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPanopticMap'),
            dict(type='RandomResize', scale=crop_size, ratio_range=(0.5, 2.0), keep_ratio=True),
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='ClipCrop', crop_size=crop_size),
    dict(type='PackClipInputs'),
]

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/panoptic_train2017.json',
        data_prefix=dict(img='train2017', seg='annotations/panoptic_train2017'),
        pipeline=train_pipeline,
    )
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/panoptic_val2017.json',
        data_prefix=dict(img='val2017', seg='annotations/panoptic_val2017'),
    )
)
test_dataloader = val_dataloader
