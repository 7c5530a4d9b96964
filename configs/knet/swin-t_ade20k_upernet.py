"""Semantic K-Net Swin-T with UPerNet's head on ADE20K; otherwise as r50_ade20k_upernet.py.

Learning rate 6e-5; norms and position biases do not decay. Starts from: ImageNet. Published: mIoU 45.4. Reproduced: not
run.
"""

_base_ = ['./r50_ade20k_upernet.py', '../_base_/models/swin.py']

model = dict(
    backbone=dict(_delete_=True, **_base_._swin_t),
    decoder=dict(
        generate_head=dict(in_channels=_base_._swin_t_channels),
        auxiliary_head=dict(in_channels=_base_._swin_t_channels[2]),
    ),
)
optim_wrapper = dict(
    optimizer=dict(lr=6e-5),
    paramwise_cfg=dict(
        custom_keys=dict(relative_position_bias_table=dict(decay_mult=0.0), norm=dict(decay_mult=0.0)),
    ),
)
