"""Tube-Link STDC1 on VIPSeg: tubes of 4 + 4 frames, windows of 6, a lower threshold; otherwise as r50_vipseg.py.

Starts from: STDC1, ImageNet (mmseg). Published on val: VPQ 30.6, STQ 32.0; the number of GPUs is not, 16 are our guess.
Reproduced: not run.
"""

_base_ = ['./r50_vipseg.py', '../_base_/models/tube_link_stdc.py']

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
