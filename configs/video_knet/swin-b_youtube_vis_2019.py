"""Video K-Net's clip model, Swin-B, on YouTube-VIS 2019: 8 epochs, one clip a GPU.

Starts from: K-Net Swin-B trained on COCO instances. Published: AP 51.4; the number of GPUs is not. Reproduced: not run.
"""

_base_ = './r50_youtube_vis_2019.py'

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
)
train_dataloader = dict(batch_size=1)
train_cfg = dict(max_epochs=8)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=1000, by_epoch=False),
    dict(type='MultiStepLR', milestones=[7], gamma=0.1, begin=0, end=8, by_epoch=True),
]
auto_scale_lr = dict(enable=False, base_batch_size=8)
