"""Video K-Net Swin-L on KITTI-STEP, linking by kernel update and fusion (the published ``joint_update`` model).

Starts from: K-Net Swin-L trained on Cityscapes-STEP (configs/knet/swin-l_cityscapes_step.py), set ``load_from`` to it.
Published on val, 16 GPUs of one clip each: STQ 74, AQ 73, SQ 75. Reproduced: not run.
"""

_base_ = './swin-b_kitti_step.py'

model = dict(
    backbone=dict(_delete_=True, **_base_._swin_l),
    neck=[dict(_base_.model.neck[0], in_channels=_base_._swin_l_channels), *_base_.model.neck[1:]],
)
