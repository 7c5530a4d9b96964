"""Video K-Net Swin-B on KITTI-STEP, linking by kernel update and fusion (the published ``joint_update`` model).

Starts from: K-Net Swin-B trained on Cityscapes-STEP (configs/knet/swin-b_cityscapes_step.py), set ``load_from`` to it.
Published on val, 16 GPUs of one clip each: STQ 73, AQ 72, SQ 73, VPQ 53. Reproduced: not run.
"""

_base_ = ['./r50_kitti_step.py', '../_base_/models/swin.py']

model = dict(
    backbone=dict(_delete_=True, **_base_._swin_b),
    neck=[dict(_base_.model.neck[0], in_channels=_base_._swin_b_channels), *_base_.model.neck[1:]],
    decoder=dict(linking=dict(update='group_features')),
)
auto_scale_lr = dict(enable=False, base_batch_size=16)
