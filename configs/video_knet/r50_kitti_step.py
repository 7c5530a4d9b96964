"""Video K-Net R50 on KITTI-STEP: the paper's full model (embedding, linking, fusion).

Starts from: K-Net R50 trained on Cityscapes-STEP (configs/knet/r50_cityscapes_step.py), set ``load_from`` to it;
without it training starts from ImageNet weights and falls short. Published on val, 8
GPUs of one clip each: STQ 71, AQ 70, SQ 71, VPQ 46 (main table); STQ 70.9, AQ 70.8, SQ 71.2 (ablation table, all three
ideas). Reproduced: not run.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/kitti_step.py',
    '../_base_/models/video_knet_r50.py',
    '../_base_/schedules/adamw_12e.py',
]

default_hooks = dict(checkpoint=dict(by_epoch=True, interval=1))
log_processor = dict(by_epoch=True)
load_from = None
# parts that the Cityscapes-STEP model does not have
load_from_allow = ['decoder.embedding_head', 'decoder.stages.*.linking', 'decoder.stages.*.fusion']
auto_scale_lr = dict(enable=False, base_batch_size=8)
