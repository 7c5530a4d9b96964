"""Tube-Link Swin-L on VSPW with tubes of 2 frames next to each other, the authors' "vipseg_vss"; as swin-l_vspw.py.

Starts from: as there. Published: no number that we know; 32 GPUs of one clip each. Reproduced: not run.
"""

_base_ = './swin-l_vspw.py'

train_pipeline = [dict(_base_.train_pipeline[0], consecutive=2, stride=1), *_base_.train_pipeline[1:]]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
auto_scale_lr = dict(enable=False, base_batch_size=32)
