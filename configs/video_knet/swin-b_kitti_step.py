"""Video K-Net Swin-B on KITTI-STEP, linking by kernel update and fusion (the published ``joint_update`` model).

Starts from: K-Net Swin-B trained on Cityscapes-STEP. Published: STQ 73, AQ 72, SQ 73, VPQ 53 with 16 GPUs of one clip
each. Reproduced: not run.
"""

_base_ = './r50_kitti_step.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='SwinTransformer',
        embed_dims=128,
        depths=[2, 2, 18, 2],
        num_heads=[4, 8, 16, 32],
        window_size=7,
        drop_path_rate=0.3,
        patch_norm=True,
        out_indices=(0, 1, 2, 3),
        with_cp=False,
        convert_weights=True,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://github.com/SwinTransformer/storage/releases/download/v1.0.0/'
            'swin_base_patch4_window7_224_22k.pth',
        ),
    ),
    neck=[
        dict(type='FPN', in_channels=[128, 256, 512, 1024], out_channels=256, num_outs=4),
        dict(type='SemanticFPN', in_channels=256, feat_channels=256, out_channels=256, upsample_times=2),
    ],
    decoder=dict(linking=dict(update='group_features')),
)
auto_scale_lr = dict(enable=False, base_batch_size=16)
