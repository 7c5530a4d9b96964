"""Semantic K-Net R50 with PSPNet's head on ADE20K: 80,000 iterations of 16 crops of 512x512.

Starts from: ImageNet (ResNet50-v1c). Published: mIoU 43.9. Reproduced: not run. mmseg's weights convert with
``tools/model_converters/convert_weights.py``.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/ade20k.py',
    '../_base_/models/semantic_knet_r50.py',
    '../_base_/schedules/adamw_80k.py',
]

model = dict(decoder=dict(num_stuff=150))
sync_bn = 'torch'
default_hooks = dict(checkpoint=dict(interval=8000, save_best='vss/mIoU'))
auto_scale_lr = dict(enable=False, base_batch_size=16)
