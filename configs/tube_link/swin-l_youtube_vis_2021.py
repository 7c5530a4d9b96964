"""Tube-Link Swin-L on YouTube-VIS 2021; otherwise as swin-l_youtube_vis_2019.py.

Starts from: as there. Published on val: AP 58.4. Reproduced: not run.
"""

_base_ = './swin-l_youtube_vis_2019.py'

dataset = dict(type='YouTubeVIS2021Dataset', data_root='data/youtube_vis_2021/')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
