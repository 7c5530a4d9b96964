"""Tube-Link Swin-L on OVIS; data and schedule as r50_ovis.py, the rest as swin-l_youtube_vis_2019.py.

The authors released no config for it; the combination is ours. Starts from: Swin-L, ImageNet-22k, or a Mask2Former
Swin-L of COCO instances as ``load_from``. Published: no number that we know. Reproduced: not run.
"""

_base_ = ['./r50_ovis.py', '../_base_/models/tube_link_swin.py']

model = dict(
    backbone=dict(_delete_=True, **{**_base_._swin_l_384, 'with_cp': True}),
    neck=dict(in_channels=_base_._swin_l_channels),
)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(_delete_=True, **_base_._swin_vis_keys)))
load_from = None
load_from_allow = ['decoder.cls_embed', 'decoder.query_feat', 'decoder.query_embed']
