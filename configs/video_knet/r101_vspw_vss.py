"""Semantic K-Net R101 with PSPNet's head and temporal kernel fusion on VSPW; see r50_vspw_vss.py.

Starts from: ImageNet (ResNet101-v1c). Published on val with R101: mIoU 37.9, mVC8 87.0, mVC16 82.1 and mIoU 38.0, mVC8
87.2, mVC16 82.3, for PSPNet's and DeepLabv3+'s head; the poster and the slides swap the two rows. Reproduced: not run.
"""

_base_ = './r50_vspw_vss.py'

model = dict(
    backbone=dict(
        depth=101,
        init_cfg=dict(checkpoint='https://download.openmmlab.com/pretrain/third_party/resnet101_v1c-e67eebb6.pth'),
    )
)
