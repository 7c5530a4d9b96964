"""Mask2Former-VIS R50 on YouTube-VIS 2019 out of videoseg's parts: Tube-Link's decoder on whole videos.

Pairs of frames at most 20 apart for training. Starts from: mmdet's Mask2Former R50, COCO instances. Published on val, 8
GPUs of two clips each: AP 46.4 (paper); mmdet's list has none for 2019. The schedule is that of mmdet's port.
Reproduced: not run.

A test window of 64 frames holds every video of the data set (at most 36 frames) in one piece; longer videos are cut,
and the number of the query goes on as identity. Memory grows with the window.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/youtube_vis_2019.py',
    '../_base_/models/tube_link_r50_vis.py',
    '../_base_/schedules/adamw_tube_link_15k.py',
]

train_pipeline = [dict(type='ClipSample', offsets=list(range(1, 21)), num_refs=1), *_base_.train_pipeline[1:]]
model = dict(
    decoder=dict(
        mask_loss='per_frame',
        # published as a sum over the two frames, here a mean
        criterion=dict(loss_mask=dict(loss_weight=10.0), loss_dice=dict(loss_weight=10.0)),
    ),
    postprocessor=dict(max_per_video=10, max_per_frame=None),
    tracker=dict(_delete_=True, type='KernelIndexTracker'),
    test_cfg=dict(_delete_=True, window=64),
)
train_dataloader = dict(batch_size=2, dataset=dict(ann_file='train.json', pipeline=train_pipeline))
val_dataloader = dict(sampler=dict(window=64))
test_dataloader = dict(sampler=dict(window=64))

max_iters = 6000
train_cfg = dict(max_iters=max_iters, val_interval=2000)
param_scheduler = [dict(type='MultiStepLR', milestones=[4000], gamma=0.1, begin=0, end=max_iters, by_epoch=False)]
default_hooks = dict(checkpoint=dict(interval=2000, save_best='ap/AP'))
load_from = _base_._r50_coco_instances
load_from_allow = ['decoder.cls_embed']  # other classes
auto_scale_lr = dict(enable=False, base_batch_size=16)
