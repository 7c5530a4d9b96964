"""Video K-Net's clip model, R50, on YouTube-VIS 2019: clips of 5 frames for training, whole videos at test time.

Starts from: K-Net R50 trained on COCO instances, set ``load_from`` to it; without it training starts from ImageNet
weights and falls short. Published on val, 8 GPUs of two clips each: AP 40.5. Reproduced: not run.

A test window of 64 frames holds every video of the data set (at most 36 frames) in one piece, as published; longer
videos are cut, and the number of the kernel goes on as identity. Memory grows with the window.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/youtube_vis_2019.py',
    '../_base_/models/clip_knet_r50.py',
    '../_base_/schedules/adamw_12e.py',
]

train_pipeline = [
    # frames t - 2 to t + 2; key frames nearer to a border are drawn again
    dict(type='ClipSample', offsets=(-2, -1, 1, 2), num_refs=4, border='reject'),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadInstanceTracks'),
            dict(
                type='RandomChoiceResize',
                scales=[(1333, side) for side in (288, 320, 352, 392, 416, 448, 480, 512)],
                keep_ratio=True,
            ),
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='PackClipInputs'),
]
test_pipeline = [
    dict(
        type='TransformBroadcaster',
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(640, 360), keep_ratio=True),
            dict(type='LoadInstanceTracks', as_map=False),
        ],
    ),
    dict(type='PackClipInputs', test_mode=True),
]

train_dataloader = dict(
    batch_size=2,
    sampler=dict(infinite=False),
    dataset=dict(ann_file='train.json', pipeline=train_pipeline),
)
val_dataloader = dict(sampler=dict(window=64), dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(sampler=dict(window=64), dataset=dict(pipeline=test_pipeline))

param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=1000, by_epoch=False),
    dict(type='MultiStepLR', milestones=[8, 11], gamma=0.1, begin=0, end=12, by_epoch=True),
]
default_hooks = dict(checkpoint=dict(by_epoch=True, interval=1, save_best='ap/AP'))
log_processor = dict(by_epoch=True)
load_from = None
# parts that the COCO model does not have, or has for 80 classes
load_from_allow = ['decoder.clip_stages', 'decoder.proposal_head.conv_seg', 'decoder.stages.*.fc_cls']
auto_scale_lr = dict(enable=False, base_batch_size=16)
