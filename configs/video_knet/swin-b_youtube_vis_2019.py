"""Video K-Net's clip model, Swin-B, on YouTube-VIS 2019: 8 epochs, one clip a GPU.

Starts from: K-Net Swin-B trained on COCO instances (configs/knet/swin-b_coco_instance_3x.py), set ``load_from`` to it.
Published on val: AP 51.4; the number of GPUs is not, 8 are our guess. Reproduced: not run.
"""

_base_ = ['./r50_youtube_vis_2019.py', '../_base_/models/swin.py']

model = dict(
    backbone=dict(_delete_=True, **_base_._swin_b),
    neck=[dict(_base_.model.neck[0], in_channels=_base_._swin_b_channels), *_base_.model.neck[1:]],
)
train_dataloader = dict(batch_size=1)
train_cfg = dict(max_epochs=8)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=1000, by_epoch=False),
    dict(type='MultiStepLR', milestones=[7], gamma=0.1, begin=0, end=8, by_epoch=True),
]
auto_scale_lr = dict(enable=False, base_batch_size=8)
