"""Tube-Link R50 on YouTube-VIS 2021; otherwise as r50_youtube_vis_2019.py.

Starts from: as there. Published on val: AP 47.9. Reproduced: not run.
"""

_base_ = './r50_youtube_vis_2019.py'

dataset = dict(type='YouTubeVIS2021Dataset', data_root='data/youtube_vis_2021/')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
