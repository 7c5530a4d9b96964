"""Video K-Net's clip model, R50, on YouTube-VIS 2021; otherwise as r50_youtube_vis_2019.py.

The authors have no config for this set; the recipe is that of 2019. Videos of more than 64 frames are tested in parts.
Starts from: as there. Published: no number. Reproduced: not run.
"""

_base_ = './r50_youtube_vis_2019.py'

data_root = 'data/youtube_vis_2021/'
dataset_type = 'YouTubeVIS2021Dataset'
dataset = dict(type=dataset_type, data_root=data_root)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
