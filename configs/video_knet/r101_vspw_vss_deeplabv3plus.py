"""Semantic K-Net R101 with DeepLabv3+'s head and temporal kernel fusion on VSPW; see r101_vspw_vss.py for all else.

Masks have stride 4 here. Starts from: as there. Published: there, beside PSPNet's. Reproduced: not run.
"""

_base_ = './r101_vspw_vss.py'

model = dict(
    decoder=dict(
        generate_head=dict(
            _delete_=True,
            type='DepthwiseSeparableASPPHead',
            in_channels=2048,
            in_index=3,
            channels=512,
            dilations=(1, 12, 24, 36),
            c1_in_channels=256,
            c1_channels=48,
            dropout_ratio=0.1,
            norm_cfg=dict(type='BN', requires_grad=True),
        )
    )
)
