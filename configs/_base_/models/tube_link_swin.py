"""Swin backbones as Tube-Link uses them, window 12, and the learning rates of its Swin schedule for VIS.

_base_ = ['./r50_vipseg.py', '../_base_/models/tube_link_swin.py']
model = dict(
    backbone=dict(_delete_=True, **_base_._swin_b_384),
    neck=dict(in_channels=_base_._swin_b_channels),
)
"""

_base_ = './swin.py'

_swin_b_384 = dict(
    _base_._swin_b,
    pretrain_img_size=384,
    window_size=12,
    drop_path_rate=0.3,
    init_cfg=dict(type='Pretrained', checkpoint=_base_._swin_weights + 'swin_base_patch4_window12_384_22k.pth'),
)
_swin_l_384 = dict(
    _swin_b_384,
    embed_dims=192,
    num_heads=[6, 12, 24, 48],
    init_cfg=dict(type='Pretrained', checkpoint=_base_._swin_weights + 'swin_large_patch4_window12_384_22k.pth'),
)
# mmdet's Mask2Former, COCO panoptic: what Tube-Link starts from
_swin_b_coco_panoptic = (
    'https://download.openmmlab.com/mmdetection/v3.0/mask2former/'
    'mask2former_swin-b-p4-w12-384-in21k_8xb2-lsj-50e_coco-panoptic/'
    'mask2former_swin-b-p4-w12-384-in21k_8xb2-lsj-50e_coco-panoptic_20220329_230021-05ec7315.pth'
)
_swin_l_coco_panoptic = (
    'https://download.openmmlab.com/mmdetection/v3.0/mask2former/'
    'mask2former_swin-l-p4-w12-384-in21k_16xb1-lsj-100e_coco-panoptic/'
    'mask2former_swin-l-p4-w12-384-in21k_16xb1-lsj-100e_coco-panoptic_20220407_104949-82f8d28d.pth'
)

# norms and position tables learn as slowly as the rest of the backbone, and do not decay
_slow = dict(lr_mult=0.1, decay_mult=0.0)
_swin_vis_keys = {
    'backbone': dict(lr_mult=0.1),
    'backbone.patch_embed.norm': _slow,
    'backbone.norm': _slow,
    'absolute_pos_embed': _slow,
    'relative_position_bias_table': _slow,
    **{f'backbone.stages.{i}.blocks.{j}.norm': _slow for i, depth in enumerate((2, 2, 18, 2)) for j in range(depth)},
    **{f'backbone.stages.{i}.downsample.norm': _slow for i in range(3)},
    'query_embed': _slow,
    'query_feat': _slow,
    'level_embed': _slow,
}
