"""Tube-Link Swin-B on VIPSeg: 6 epochs, windows of 2 frames; otherwise as r50_vipseg.py.

Starts from: mmdet's Mask2Former Swin-B, COCO panoptic. Published on val, 32 GPUs of one clip each: VPQ 50.4, STQ 49.4.
Reproduced: not run.
"""

_base_ = ['./r50_vipseg.py', '../_base_/models/tube_link_swin.py']

model = dict(
    backbone=dict(_delete_=True, **_base_._swin_b_384),
    neck=dict(in_channels=_base_._swin_b_channels),
    test_cfg=dict(window=2),
)
val_dataloader = dict(sampler=dict(window=2))
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=6)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=500, by_epoch=False),
    dict(type='MultiStepLR', milestones=[5], gamma=0.1, begin=0, end=6, by_epoch=True),
]
load_from = _base_._swin_b_coco_panoptic
auto_scale_lr = dict(enable=False, base_batch_size=32)
