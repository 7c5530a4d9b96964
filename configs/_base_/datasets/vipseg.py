"""VIPSeg, 720P version, under data/VIPSeg/VIPSeg_720P: imgs/, panomasksRGB/, panoptic_gt_VIPSeg_{train,val,test}.json.

tools/dataset_converters/prepare_vipseg.py makes it. For frames of another size use another ``data_root``; for the data
as published set ``seg_encoding='vipseg_raw'``, ``ann_file='train.txt'`` and ``data_prefix=dict(seg='panomasks')``.
"""

data_root = 'data/VIPSeg/VIPSeg_720P/'
dataset_type = 'VIPSegDataset'
data_prefix = dict(img='imgs', seg='panomasksRGB')
crop_size = (720, 1280)

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
        ann_file='panoptic_gt_VIPSeg_train.json',
        data_prefix=data_prefix,
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
        ann_file='panoptic_gt_VIPSeg_val.json',
        data_prefix=data_prefix,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [dict(type='STQMetric'), dict(type='VPQMetric', windows=(1, 2, 4, 6))]
test_evaluator = [
    dict(type='STQMetric'),
    dict(type='VPQMetric', windows=(1, 2, 4, 6)),
    dict(type='PredictionWriter', format='vipseg'),
]
