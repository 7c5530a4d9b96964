"""VSPW, 480p version, under data/VSPW_480p: data/<video>/{origin/*.jpg,mask/*.png}, {train,val,test}.txt."""

data_root = 'data/VSPW_480p/'
dataset_type = 'VSPWDataset'
crop_size = (480, 853)

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
    dict(type='ClipCrop', crop_size=crop_size, keep_instances=False, keep_shared_ids=False),
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
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='ClipSampler', infinite=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='train.txt',
        data_prefix=dict(img='data', seg='data'),
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
        ann_file='val.txt',
        data_prefix=dict(img='data', seg='data'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [dict(type='SemanticIoUMetric'), dict(type='VideoConsistencyMetric', windows=(8, 16))]
test_evaluator = [
    dict(type='SemanticIoUMetric'),
    dict(type='VideoConsistencyMetric', windows=(8, 16)),
    dict(type='PredictionWriter', format='vspw'),
]
