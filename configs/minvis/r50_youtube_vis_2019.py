"""MinVIS R50 on YouTube-VIS 2019: Tube-Link's decoder on tubes of one frame, its queries matched from frame to frame.

Starts from: mmdet's Mask2Former R50, COCO instances. Published on val (table of the Tube-Link paper): AP 47.4; 48.8
when its queries are matched from tube to tube instead, ``model.test_cfg.window=4 test_dataloader.sampler.window=4``.
The schedule is Mask2Former-VIS's with as many frames an iteration, our choice. Reproduced: not run.
"""

_base_ = '../mask2former_vis/r50_youtube_vis_2019.py'

model = dict(
    decoder=dict(query_tap='normed', criterion=None),
    tracker=dict(_delete_=True, type='QueryMatchingTracker'),
    test_cfg=dict(window=1),
)
train_pipeline = [dict(type='ClipSample', consecutive=1), *_base_.train_pipeline[1:]]
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(sampler=dict(window=1))
test_dataloader = dict(sampler=dict(window=1))
auto_scale_lr = dict(enable=False, base_batch_size=32)
