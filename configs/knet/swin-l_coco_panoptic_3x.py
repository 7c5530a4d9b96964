"""K-Net Swin-L on COCO panoptic, 3x; otherwise as r50_coco_panoptic_3x.py.

Starts from: ImageNet-22k, window 7, drop path 0.2. Published: PQ 54.6. Reproduced: not run. The authors' weights have
mmdet's names for the backbone.
"""

_base_ = ['./r50_coco_panoptic_3x.py', '../_base_/models/swin.py']

model = dict(
    backbone=dict(_delete_=True, **_base_._swin_l),
    neck=[dict(_base_.model.neck[0], in_channels=_base_._swin_l_channels), *_base_.model.neck[1:]],
)
