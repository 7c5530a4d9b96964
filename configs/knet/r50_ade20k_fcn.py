"""Semantic K-Net R50 with FCN's head on ADE20K; otherwise as r50_ade20k_psp.py.

Starts from: as there. Published: mIoU 43.3. Reproduced: not run.
"""

_base_ = './r50_ade20k_psp.py'

model = dict(
    decoder=dict(
        generate_head=dict(
            _delete_=True,
            type='FCNHead',
            in_channels=2048,
            in_index=3,
            channels=512,
            num_convs=2,
            concat_input=True,
            dropout_ratio=0.1,
            norm_cfg=dict(type='BN', requires_grad=True),
        )
    )
)
