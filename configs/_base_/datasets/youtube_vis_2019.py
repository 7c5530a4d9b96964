"""YouTube-VIS 2019 under data/youtube_vis_2019: {train,valid,test}/JPEGImages/<video>/<frame>.jpg, {train,valid}.json.

The instances of the official validation set are hidden: training and validation use the two parts of train.json that
tools/dataset_converters/prepare_youtube_vis.py makes, the test writes the submission for valid.json. For the official
training set: train_dataloader = dict(dataset=dict(ann_file='train.json')).
"""

data_root = 'data/youtube_vis_2019/'
dataset_type = 'YouTubeVIS2019Dataset'
train_prefix = dict(img='train/JPEGImages')

train_pipeline = [
    dict(type='ClipSample', offsets=(-2, -1, 1, 2), num_refs=1),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadInstanceTracks'),
            dict(type='RandomChoiceResize', scales=[(1333, 360), (1333, 480)], keep_ratio=True),
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
            dict(type='Resize', scale=(1333, 360), keep_ratio=True),
            dict(type='LoadInstanceTracks', as_map=False),
        ],
    ),
    dict(type='PackClipInputs', test_mode=True),
]

train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='ClipSampler', infinite=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='train_minitrain.json',
        data_prefix=train_prefix,
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
        ann_file='train_minival.json',
        data_prefix=train_prefix,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='VideoWindowSampler', window=1),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='valid.json',
        data_prefix=dict(img='valid/JPEGImages'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
val_evaluator = [dict(type='VideoAPMetric', max_per_video=10)]
test_evaluator = [
    dict(type='VideoAPMetric', max_per_video=10),
    dict(type='PredictionWriter', format='youtube_vis', max_per_video=10),
]
