"""K-Net R50 on Cityscapes images with the classes of KITTI-STEP: the pre-training of Video K-Net.

The images lie under data/cityscapes_step in the same encoding as KITTI-STEP (``images/train/<city>/<name>.png`` and
``panoptic_maps/train/<city>/<name>.png``); each image is a clip of its own. Starts from: ImageNet. 8 epochs, each image
8 times. Published: no number. Reproduced: not run.
"""

_base_ = ['../video_knet/r50_kitti_step.py']

crop_size = (1024, 2048)
train_pipeline = [
    dict(type='ClipSample', num_refs=0),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPanopticMap'),
            dict(type='RandomResize', scale=crop_size[::-1], ratio_range=(0.5, 2.0), keep_ratio=True),
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='ClipCrop', crop_size=crop_size),
    dict(type='PackClipInputs'),
]
model = dict(
    decoder=dict(
        _delete_=True,
        type='KNetDecoder',
        num_things=2,
        num_stuff=17,
        num_proposals=100,
        mask_assign_stride=4,
    ),
    postprocessor=dict(_delete_=True, type='PanopticPostprocessor', candidates='best_class', instance_score_thr=0.3),
    tracker=dict(_delete_=True, type='KernelIndexTracker'),
)
train_dataloader = dict(
    batch_size=2,
    sampler=dict(repeat=8),
    dataset=dict(data_root='data/cityscapes_step/', pipeline=train_pipeline),
)
val_dataloader = dict(dataset=dict(data_root='data/cityscapes_step/'))
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=8)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=1000, by_epoch=False),
    dict(type='MultiStepLR', milestones=[7], gamma=0.1, begin=0, end=8, by_epoch=True),
]
# the frames of a city are no video: only single-frame quality means something
val_evaluator = [dict(type='VPQMetric', windows=(1,))]
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='vpq/VPQ_1'))
load_from_allow = []
auto_scale_lr = dict(enable=False, base_batch_size=16)
