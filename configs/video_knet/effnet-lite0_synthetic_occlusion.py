"""The small Video K-Net of the quickstart on synthetic videos full of occlusions, the video stage.

Starts from: configs/knet/effnet-lite0_synthetic_occlusion.py. The rows that switch parts off stand in
configs/ablation/video_knet.py, which also tells how the data is made.
"""

_base_ = './effnet-lite0_synthetic_quickstart.py'

data_root = 'data/synthetic_occlusion/'
model = dict(decoder=dict(num_proposals=24), postprocessor=dict(max_per_img=24))
train_dataloader = dict(num_workers=0, dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader

max_iters = 600
train_cfg = dict(max_iters=max_iters, val_interval=max_iters + 1)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=50, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=50, end=max_iters, eta_min=1e-6, by_epoch=False),
]
default_hooks = dict(checkpoint=dict(interval=300))
load_from_allow = ['decoder.embedding_head', 'decoder.stages.2.linking', 'decoder.stages.2.fusion']
