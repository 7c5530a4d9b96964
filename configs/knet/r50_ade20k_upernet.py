"""Semantic K-Net R50 with UPerNet's head on ADE20K, masks at stride 4; otherwise as r50_ade20k_psp.py.

The backbone is not dilated. Starts from: as there. Published: mIoU 43.6. Reproduced: not run.
"""

_base_ = './r50_ade20k_psp.py'

model = dict(
    backbone=dict(dilations=(1, 1, 1, 1), strides=(1, 2, 2, 2)),
    decoder=dict(
        generate_head=dict(
            _delete_=True,
            type='UPerHead',
            in_channels=[256, 512, 1024, 2048],
            in_index=[0, 1, 2, 3],
            channels=512,
            pool_scales=(1, 2, 3, 6),
            dropout_ratio=0.1,
            norm_cfg=dict(type='BN', requires_grad=True),
        )
    ),
)
