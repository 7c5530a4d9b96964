"""K-Net Swin-L on Cityscapes images with the classes of KITTI-STEP, one image a GPU; otherwise r50_cityscapes_step.py.

Starts from: ImageNet-22k. Video K-Net Swin-L on KITTI-STEP starts from this model. Published: no number; 8 GPUs are our
guess. Reproduced: not run.
"""

_base_ = ['./r50_cityscapes_step.py', '../_base_/models/swin.py']

model = dict(
    backbone=dict(_delete_=True, **_base_._swin_l),
    neck=[dict(_base_.model.neck[0], in_channels=_base_._swin_l_channels), *_base_.model.neck[1:]],
)
train_dataloader = dict(batch_size=1)
auto_scale_lr = dict(enable=False, base_batch_size=8)
