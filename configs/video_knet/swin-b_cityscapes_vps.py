"""Video K-Net Swin-B on Cityscapes-VPS, linking by kernel update; otherwise as r50_cityscapes_vps.py, equally ours.

Starts from: K-Net Swin-B trained on COCO panoptic (configs/knet/swin-b_coco_panoptic_3x.py), set ``load_from`` to it.
Published on val: VPQ 61.2; 62.2 with the backbone's recursive feature pyramid, which is not here. Reproduced: not run.
"""

_base_ = ['./r50_cityscapes_vps.py', '../_base_/models/swin.py']

model = dict(
    backbone=dict(_delete_=True, **_base_._swin_b),
    neck=[dict(_base_.model.neck[0], in_channels=_base_._swin_b_channels), *_base_.model.neck[1:]],
    decoder=dict(linking=dict(update='group_features')),
)
