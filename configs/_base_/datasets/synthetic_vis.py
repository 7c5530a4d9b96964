"""Synthetic clips in the layout of YouTube-VIS, 240 to train on and 48 to test on, of three thing classes:

python tools/dataset_converters/make_synthetic.py data/synthetic_vis --layout youtube_vis --preset vis --seed 0
"""

data_root = 'data/synthetic_vis/'
dataset_type = 'YouTubeVIS2019Dataset'
metainfo = dict(classes=('disc', 'crate', 'star'), num_things=3, raw_ids=(1, 2, 3))

train_pipeline = [
    # four frames in the order of time that span as much of it as a test video
    dict(type='ClipSample', consecutive=4, stride=2),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadInstanceTracks'),
            dict(type='RandomResize', scale=(192, 96), ratio_range=(0.8, 1.4), keep_ratio=True),
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='ClipCrop', crop_size=(96, 192)),
    dict(type='PackClipInputs'),
]
test_pipeline = [
    dict(
        type='TransformBroadcaster',
        transforms=[dict(type='LoadImageFromFile'), dict(type='LoadInstanceTracks', as_map=False)],
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
        ann_file='train.json',
        data_prefix=dict(img='train/JPEGImages'),
        metainfo=metainfo,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='VideoWindowSampler', window=64),  # a video in one piece
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='valid.json',
        data_prefix=dict(img='valid/JPEGImages'),
        metainfo=metainfo,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [dict(type='VideoAPMetric', max_per_video=10)]
test_evaluator = val_evaluator
