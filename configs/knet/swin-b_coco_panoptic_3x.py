"""K-Net Swin-B on COCO panoptic, 3x; otherwise as r50_coco_panoptic_3x.py.

The authors start Video K-Net Swin-B from such a model, without a config or a number of it; the recipe is Swin-L's.
Starts from: ImageNet-22k. Published: no number. Reproduced: not run.
"""

_base_ = ['./r50_coco_panoptic_3x.py', '../_base_/models/swin.py']

model = dict(
    backbone=dict(_delete_=True, **_base_._swin_b),
    neck=[dict(_base_.model.neck[0], in_channels=_base_._swin_b_channels), *_base_.model.neck[1:]],
)
