"""MinVIS R50 on YouTube-VIS 2021: 8000 iterations; otherwise as r50_youtube_vis_2019.py.

Starts from: as there. Published on val (table of the Tube-Link paper): AP 44.2; 45.5 when queries are matched from tube
to tube. Reproduced: not run.
"""

_base_ = './r50_youtube_vis_2019.py'

dataset = dict(type='YouTubeVIS2021Dataset', data_root='data/youtube_vis_2021/')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)

max_iters = 8000
train_cfg = dict(max_iters=max_iters)
param_scheduler = [dict(type='MultiStepLR', milestones=[5500], gamma=0.1, begin=0, end=max_iters, by_epoch=False)]
