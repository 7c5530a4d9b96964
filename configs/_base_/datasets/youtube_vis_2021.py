"""YouTube-VIS 2021 under data/youtube_vis_2021: laid out as YouTube-VIS 2019, with other classes."""

_base_ = ['./youtube_vis_2019.py']

data_root = 'data/youtube_vis_2021/'
dataset_type = 'YouTubeVIS2021Dataset'

train_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
val_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
test_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
