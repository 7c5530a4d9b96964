"""K-Net R101 on COCO panoptic, 3x; otherwise as r50_coco_panoptic_3x.py.

Starts from: ImageNet. Published: PQ 48.4. Reproduced: not run.
"""

_base_ = './r50_coco_panoptic_3x.py'

model = dict(
    backbone=dict(
        depth=101,
        init_cfg=dict(type='Pretrained', checkpoint='https://download.pytorch.org/models/resnet101-63fe2227.pth'),
    )
)
