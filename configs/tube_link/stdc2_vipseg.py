"""Tube-Link STDC2 on VIPSeg: 12 epochs, frame by frame at test time; otherwise as stdc1_vipseg.py.

Starts from: STDC2, ImageNet (mmseg). Published on val: VPQ 31.4, STQ 32.8. Reproduced: not run.
"""

_base_ = './stdc1_vipseg.py'

model = dict(
    backbone=_base_._stdc2,
    postprocessor=dict(object_mask_thr=0.8),
    test_cfg=dict(window=1),
)
val_dataloader = dict(sampler=dict(window=1))
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=12)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=500, by_epoch=False),
    dict(type='MultiStepLR', milestones=[9, 11], gamma=0.1, begin=0, end=12, by_epoch=True),
]
