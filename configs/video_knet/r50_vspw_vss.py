"""Semantic K-Net R50 with PSPNet's head and temporal kernel fusion on VSPW.

The authors never released their VSS model. The decoder's design and this schedule are ours: the published image model
and its ADE20K schedule (mmseg's K-Net, R50-D8), on pairs of frames, 16 pairs an iteration, with fusion in the last
stage. Starts from: ImageNet (ResNet50-v1c). Published: no number for R50; see r101_vspw_vss.py. Reproduced: not run.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/vspw.py',
    '../_base_/models/semantic_knet_r50.py',
    '../_base_/schedules/adamw_80k.py',
]

model = dict(decoder=dict(fusion=dict(type='PreviousKernelAttention', update='group_features')))
sync_bn = 'torch'
default_hooks = dict(checkpoint=dict(interval=8000, save_best='vss/mIoU'))
auto_scale_lr = dict(enable=False, base_batch_size=16)
