"""KITTI-STEP under data/kitti_step: images/{train,val,test}/<seq>/<frame>.png, panoptic_maps/{train,val}/... ."""

data_root = 'data/kitti_step/'
dataset_type = 'KITTISTEPDataset'
crop_size = (384, 1248)

train_pipeline = [
    dict(type='ClipSample', offsets=(-2, -1, 1, 2), num_refs=1),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPanopticMap'),
            dict(type='RandomResize', scale=crop_size[::-1], ratio_range=(0.5, 2.0), keep_ratio=True),
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='ClipCrop', crop_size=crop_size, on_fail='reject'),
    dict(type='PackClipInputs'),
]
test_pipeline = [
    dict(
        type='TransformBroadcaster',
        transforms=[dict(type='LoadImageFromFile'), dict(type='LoadPanopticMap')],
    ),
    dict(type='PackClipInputs', test_mode=True),
]

train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='ClipSampler', repeat=2),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img='images/train', seg='panoptic_maps/train'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='VideoWindowSampler', window=1),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img='images/val', seg='panoptic_maps/val'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [dict(type='STQMetric'), dict(type='VPQMetric')]
test_evaluator = [*val_evaluator, dict(type='PredictionWriter', format='kitti_step')]
