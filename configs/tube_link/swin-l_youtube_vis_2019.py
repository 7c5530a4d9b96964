"""Tube-Link Swin-L on YouTube-VIS 2019: 10,000 iterations; otherwise as r50_youtube_vis_2019.py.

Starts from: Swin-L, ImageNet-22k. The authors start from a Mask2Former Swin-L of COCO instances, without naming the
file; with its 200 queries the 100 here start anew (``load_from_allow``). Published on val, 16 GPUs of one clip each: AP
64.6. Reproduced: not run.
"""

_base_ = ['./r50_youtube_vis_2019.py', '../_base_/models/tube_link_swin.py']

model = dict(
    backbone=dict(_delete_=True, **{**_base_._swin_l_384, 'with_cp': True}),
    neck=dict(in_channels=_base_._swin_l_channels),
)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(_delete_=True, **_base_._swin_vis_keys)))
max_iters = 10000
train_cfg = dict(max_iters=max_iters, val_interval=2500)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=500, by_epoch=False),
    dict(type='MultiStepLR', milestones=[2500, 5000], gamma=0.1, begin=0, end=max_iters, by_epoch=False),
]
default_hooks = dict(checkpoint=dict(interval=2500))
load_from = None
load_from_allow = ['decoder.cls_embed', 'decoder.query_feat', 'decoder.query_embed']
