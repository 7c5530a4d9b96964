"""Video K-Net Swin-B on VIPSeg as released: 8 epochs; otherwise as r50_vipseg.py.

Starts from: K-Net Swin-B trained on COCO panoptic (configs/knet/swin-b_coco_panoptic_3x.py), set ``load_from`` to it.
Published on val: VPQ 39.8, STQ 46.3 (table of the Tube-Link paper); the number of GPUs is not, 8 are our guess.
Reproduced: not run.
"""

_base_ = ['./r50_vipseg.py', '../_base_/models/swin.py']

model = dict(
    backbone=dict(_delete_=True, **_base_._swin_b),
    neck=[dict(_base_.model.neck[0], in_channels=_base_._swin_b_channels), *_base_.model.neck[1:]],
)
train_cfg = dict(max_epochs=8)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=1000, by_epoch=False),
    dict(type='MultiStepLR', milestones=[7], gamma=0.1, begin=0, end=8, by_epoch=True),
]
