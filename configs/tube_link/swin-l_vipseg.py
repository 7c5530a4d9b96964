"""Tube-Link Swin-L on VIPSeg: 200 queries, two stages of the backbone frozen; otherwise as swin-b_vipseg.py.

Starts from: mmdet's Mask2Former Swin-L, COCO panoptic. Published: no number; the number of GPUs is not known, 32 are
our guess. Reproduced: not run.
"""

_base_ = './swin-b_vipseg.py'

model = dict(
    backbone=dict(_delete_=True, frozen_stages=2, **_base_._swin_l_384),
    neck=dict(in_channels=_base_._swin_l_channels),
    decoder=dict(num_queries=200),
)
load_from = _base_._swin_l_coco_panoptic
find_unused_parameters = True  # mmdet freezes the stages after the parameters were counted
