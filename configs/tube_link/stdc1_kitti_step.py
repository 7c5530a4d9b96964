"""Tube-Link STDC1 on KITTI-STEP: tubes of 4 + 4 frames, windows of 6; otherwise as r50_kitti_step.py.

The recipe of stdc1_vipseg.py on r50_kitti_step.py's data is our choice. Starts from: STDC1, ImageNet (mmseg).
Published: no number. Reproduced: not run.
"""

_base_ = ['./r50_kitti_step.py', '../_base_/models/tube_link_stdc.py']

model = dict(
    backbone=dict(_delete_=True, **_base_._stdc1),
    neck=dict(in_channels=_base_._stdc_channels),
    postprocessor=dict(object_mask_thr=0.3),
    test_cfg=dict(window=6),
)
train_pipeline = [dict(_base_.train_pipeline[0], consecutive=8), *_base_.train_pipeline[1:]]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(sampler=dict(window=6))
test_dataloader = val_dataloader

load_from = None
load_from_allow = []
