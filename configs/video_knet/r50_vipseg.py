"""Video K-Net R50 on VIPSeg as released: embedding and linking, no fusion; crops of 736x736, short side 720 to 1440.

Starts from: K-Net R50 trained on COCO panoptic (configs/knet/r50_coco_panoptic.py), set ``load_from`` to it. Published
on val, 8 GPUs of one clip each: VPQ 26.1, STQ 33.1 (table of the Tube-Link paper). Reproduced: not run. The original
pads before it normalises, so its borders are black; here they have the mean colour.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/vipseg.py',
    '../_base_/models/video_knet_r50.py',
    '../_base_/schedules/adamw_12e.py',
]

crop_size = (736, 736)
train_pipeline = [
    dict(type='ClipSample', offsets=(-2, -1, 1, 2), num_refs=1),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPanopticMap'),
            dict(type='RandomResize', scale=(100000, 720), ratio_range=(1.0, 2.0), keep_ratio=True),  # short side
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='ClipCrop', crop_size=crop_size, on_fail='reject'),
    dict(type='PackClipInputs'),
]
model = dict(decoder=dict(num_things=58, num_stuff=66, fusion=None))
train_dataloader = dict(
    sampler=dict(_delete_=True, type='ClipSampler'),
    dataset=dict(pipeline=train_pipeline),
)

default_hooks = dict(checkpoint=dict(by_epoch=True, interval=1, save_best='vpq/VPQ'))
log_processor = dict(by_epoch=True)
load_from = None
# what COCO's K-Net does not have, and its classifiers
load_from_allow = [
    'decoder.embedding_head',
    'decoder.stages.2.linking',
    'decoder.proposal_head.conv_seg',
    'decoder.stages.*.fc_cls',
]
auto_scale_lr = dict(enable=False, base_batch_size=8)
