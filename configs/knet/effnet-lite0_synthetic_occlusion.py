"""K-Net on synthetic videos full of occlusions: the image stage before
configs/video_knet/effnet-lite0_synthetic_occlusion.py.

Starts from: EfficientNet-Lite0, ImageNet.
"""

_base_ = '../video_knet/effnet-lite0_synthetic_occlusion.py'

model = dict(
    decoder=dict(embedding_head=None, linking=None, fusion=None),
    tracker=dict(_delete_=True, type='KernelIndexTracker'),
)
max_iters = 1200
train_cfg = dict(max_iters=max_iters, val_interval=max_iters + 1)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=100, end=max_iters, eta_min=1e-5, by_epoch=False),
]
default_hooks = dict(checkpoint=dict(interval=400))
load_from_allow = []
