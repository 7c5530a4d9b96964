"""Tube-Link Swin-L on VSPW: tubes of 6 frames, 200 queries, three of four stages frozen; otherwise as r50_vspw.py.

Starts from: mmdet's Mask2Former Swin-L, COCO panoptic. Published: no number that we know; 16 GPUs of one clip each. The
authors declare 58 thing classes, which changes nothing: all classes are matched alike. Reproduced: not run.
"""

_base_ = ['./r50_vspw.py', '../_base_/models/tube_link_swin.py']

model = dict(
    backbone=dict(_delete_=True, frozen_stages=3, **_base_._swin_l_384),
    neck=dict(in_channels=_base_._swin_l_channels),
    decoder=dict(num_queries=200),
)
train_pipeline = [dict(_base_.train_pipeline[0], consecutive=6), *_base_.train_pipeline[1:]]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
load_from = _base_._swin_l_coco_panoptic
find_unused_parameters = True  # mmdet freezes the stages after the parameters were counted
