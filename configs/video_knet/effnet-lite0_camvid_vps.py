"""Video K-Net on EfficientNet-Lite0 for CamVid clips, the video stage: embedding, linking and fusion.

Starts from: the image stage, configs/knet/effnet-lite0_camvid_vps.py; set ``load_from`` to its last checkpoint. The
rows of the ablation switch parts off on the command line, see docs/benchmarks.md.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/camvid_vps.py',
    '../_base_/models/video_knet_effnet_lite0.py',
]

model = dict(
    backbone=dict(frozen_stages=2, padding='symmetric'),  # as in the image stage
    decoder=dict(
        num_things=3,
        num_stuff=8,
        num_proposals=40,
        # so short a training leaves the association behind at the published weight of 0.25
        embedding_head=dict(loss_track=dict(type='MultiPosCrossEntropyLoss', loss_weight=1.0)),
    ),
    postprocessor=dict(max_per_img=40),
)
channels_last = True

max_iters = 500
train_cfg = dict(type='ResumableIterLoop', max_iters=max_iters, val_interval=max_iters)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.05, fused=True),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.2))),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=50, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=50, end=max_iters, eta_min=1e-6, by_epoch=False),
]
default_hooks = dict(checkpoint=dict(interval=250), logger=dict(interval=25))
load_from_allow = ['decoder.embedding_head', 'decoder.stages.2.linking', 'decoder.stages.2.fusion']
auto_scale_lr = dict(enable=False, base_batch_size=2)
