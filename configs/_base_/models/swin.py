"""Swin backbones as the K-Net family uses them, and the channels of their levels; for ``model.backbone`` and the FPN.

    _base_ = ['./r50_kitti_step.py', '../_base_/models/swin.py']
    model = dict(
        backbone=dict(_delete_=True, **_base_._swin_b),
        neck=[dict(_base_.model.neck[0], in_channels=_base_._swin_b_channels), *_base_.model.neck[1:]],
    )

The weights are Microsoft's: Swin-T's of ImageNet-1k, the others' of ImageNet-22k.
"""

_swin_weights = 'https://github.com/SwinTransformer/storage/releases/download/v1.0.0/'

_swin_t = dict(
    type='SwinTransformer',
    embed_dims=96,
    depths=[2, 2, 6, 2],
    num_heads=[3, 6, 12, 24],
    window_size=7,
    drop_path_rate=0.3,
    patch_norm=True,
    out_indices=(0, 1, 2, 3),
    with_cp=False,
    convert_weights=True,
    init_cfg=dict(type='Pretrained', checkpoint=_swin_weights + 'swin_tiny_patch4_window7_224.pth'),
)
_swin_t_channels = [96, 192, 384, 768]

_swin_b = dict(
    _swin_t,
    embed_dims=128,
    depths=[2, 2, 18, 2],
    num_heads=[4, 8, 16, 32],
    init_cfg=dict(type='Pretrained', checkpoint=_swin_weights + 'swin_base_patch4_window7_224_22k.pth'),
)
_swin_b_channels = [128, 256, 512, 1024]

_swin_l = dict(
    _swin_b,
    embed_dims=192,
    num_heads=[6, 12, 24, 48],
    drop_path_rate=0.2,
    init_cfg=dict(type='Pretrained', checkpoint=_swin_weights + 'swin_large_patch4_window7_224_22k.pth'),
)
_swin_l_channels = [192, 384, 768, 1536]
