"""Semantic K-Net Swin-L with UPerNet's head on ADE20K; otherwise as swin-t_ade20k_upernet.py.

Starts from: ImageNet-22k, window 7, drop path 0.3. Published: mIoU 52.0. Reproduced: not run.
"""

_base_ = './swin-t_ade20k_upernet.py'

model = dict(
    backbone=dict(_delete_=True, **dict(_base_._swin_l, drop_path_rate=0.3)),
    decoder=dict(
        generate_head=dict(in_channels=_base_._swin_l_channels),
        auxiliary_head=dict(in_channels=_base_._swin_l_channels[2]),
    ),
)
