"""CamVid with track ids in KITTI-STEP encoding: two training clips and one validation clip at 480x360."""

data_root = 'data/camvid_vps/'
dataset_type = 'CamVidVPSDataset'
crop_size = (256, 384)

augmentation = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadPanopticMap'),
    dict(type='RandomResize', scale=(480, 360), ratio_range=(0.75, 1.5), keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
]
train_pipeline = [
    dict(type='ClipSample', offsets=(-2, -1, 1, 2), num_refs=1),
    dict(type='TransformBroadcaster', share_random_params=True, transforms=augmentation),
    dict(type='ClipCrop', crop_size=crop_size),
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
    batch_size=2,
    num_workers=0,
    sampler=dict(type='ClipSampler', infinite=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img='images/train', seg='panoptic_maps/train'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
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
