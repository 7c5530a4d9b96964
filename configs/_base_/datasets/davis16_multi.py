"""Multi-object clips of DAVIS-2016 frames, data/davis16_multi: {train,val}/{JPEGImages/<video>/,instances.json}.

14 training and 5 validation clips of 14 frames, 432x240, are too few to tell six categories apart: all are one class,
``object``. For the six categories leave ``class_map`` out.
"""

data_root = 'data/davis16_multi/'
dataset_type = 'BaseVideoInstanceDataset'
crop_size = (120, 216)  # half the frame
one_class = dict(class_map='object')

train_pipeline = [
    dict(type='ClipSample', offsets=(-6, -4, -3, -2, -1, 1, 2, 3, 4, 6), num_refs=2),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadInstanceTracks'),
            dict(type='RandomResize', scale=crop_size[::-1], ratio_range=(1.0, 1.5), keep_ratio=True),
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='ClipCrop', crop_size=crop_size),
    dict(type='PackClipInputs', min_area=16),
]
test_pipeline = [
    dict(
        type='TransformBroadcaster',
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=crop_size[::-1], keep_ratio=True),
            dict(type='LoadInstanceTracks', as_map=False),
        ],
    ),
    dict(type='PackClipInputs', test_mode=True),
]

train_dataloader = dict(
    batch_size=2,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='ClipSampler', infinite=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='train/instances.json',
        data_prefix=dict(img='train/JPEGImages'),
        metainfo=dict(name='davis16_multi'),
        pipeline=train_pipeline,
        **one_class,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='VideoWindowSampler', window=14),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='val/instances.json',
        data_prefix=dict(img='val/JPEGImages'),
        metainfo=dict(name='davis16_multi'),
        pipeline=test_pipeline,
        test_mode=True,
        **one_class,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [dict(type='VideoAPMetric', max_per_video=10)]
test_evaluator = val_evaluator
