"""K-Net R101 with deformable convolutions in three stages on COCO panoptic, 3x; otherwise r101_coco_panoptic_3x.py.

Starts from: ImageNet. Published: PQ 49.6. Reproduced: not run. Needs an mmcv with compiled operators.
"""

_base_ = './r101_coco_panoptic_3x.py'

model = dict(
    backbone=dict(
        dcn=dict(type='DCN', deform_groups=1, fallback_on_stride=False),
        stage_with_dcn=(False, True, True, True),
    )
)
