"""Cityscapes-VPS under data/cityscapes_vps: <split>/{img_all,panoptic_video}/, panoptic_gt_<split>_city_vps.json.

tools/dataset_converters/prepare_cityscapes_vps.py lays it out. Every fifth frame is labelled: reference frames are the
labelled neighbours of the key frame, tests predict all frames and score the labelled ones, windows are in labelled
frames (papers write them as 0, 5, 10, 15).
"""

data_root = 'data/cityscapes_vps/'
dataset_type = 'CityscapesVPSDataset'
crop_size = (800, 1600)

train_pipeline = [
    dict(type='ClipSample', offsets=(-1, 1), num_refs=1),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPanopticMap'),
            dict(type='RandomResize', scale=(2048, 1024), ratio_range=(0.5, 2.0), keep_ratio=True),
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
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
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='ClipSampler', infinite=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='panoptic_gt_train_city_vps.json',
        data_prefix=dict(img='train/img_all', seg='train/panoptic_video'),
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
        ann_file='panoptic_gt_val_city_vps.json',
        data_prefix=dict(img='val/img_all', seg='val/panoptic_video'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [dict(type='VPQMetric', windows=(1, 2, 3, 4))]
test_evaluator = [
    dict(type='VPQMetric', windows=(1, 2, 3, 4)),
    dict(type='PredictionWriter', format='cityscapes_vps'),
]
