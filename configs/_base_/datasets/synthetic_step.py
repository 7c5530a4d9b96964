"""The synthetic videos of the quickstart (tools/dataset_converters/make_synthetic.py), pairs for training."""

data_root = 'data/synthetic_quickstart/'
dataset_type = 'SyntheticSTEPDataset'

train_pipeline = [
    dict(type='ClipSample', offsets=(-2, -1, 1, 2), num_refs=1),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPanopticMap'),
            dict(type='RandomResize', scale=(256, 128), ratio_range=(0.8, 1.4), keep_ratio=True),
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='ClipCrop', crop_size=(128, 256)),
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
    batch_size=4,
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
# panoptic truth tells all there is to score: VPS, VIS and VSS
test_evaluator = [
    dict(type='STQMetric'),
    dict(type='VPQMetric'),
    dict(type='PQMetric'),
    dict(type='VideoAPMetric'),
    dict(type='SemanticIoUMetric'),
    dict(type='VideoConsistencyMetric'),
    dict(type='PredictionWriter', format='kitti_step'),
]
