"""Video K-Net R50 on KITTI-STEP, the released file with 8 epochs; otherwise as r50_kitti_step_released.py.

Starts from: configs/knet/r50_cityscapes_step.py, or the converted weights as there. Published: no number of its own.
Reproduced: not run.
"""

_base_ = './r50_kitti_step_released.py'

train_cfg = dict(max_epochs=8)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=1000, by_epoch=False),
    dict(type='MultiStepLR', milestones=[7], gamma=0.1, begin=0, end=8, by_epoch=True),
]
