"""OVIS under data/ovis: {train,valid}/<video>/<frame>.jpg, annotations_{train,valid}.json.

As for YouTube-VIS, validation uses a part of the training videos (tools/dataset_converters/prepare_youtube_vis.py).
"""

_base_ = ['./youtube_vis_2019.py']

data_root = 'data/ovis/'
dataset_type = 'OVISDataset'
train_prefix = dict(img='train')

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations_train_minitrain.json',
        data_prefix=train_prefix,
    )
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations_train_minival.json',
        data_prefix=train_prefix,
    )
)
test_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations_valid.json',
        data_prefix=dict(img='valid'),
    )
)
val_evaluator = [dict(type='VideoAPMetric', max_per_video=10, occlusion='ovis')]
test_evaluator = [
    dict(type='VideoAPMetric', max_per_video=10, occlusion='ovis'),
    dict(type='PredictionWriter', format='ovis', max_per_video=10),
]
