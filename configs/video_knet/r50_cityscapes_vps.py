"""Video K-Net R50 on Cityscapes-VPS: embedding, linking, fusion.

The authors released neither weights nor config for this set (a patent). Crop (800x1600), starting weights and the
schedule of KITTI-STEP (12 epochs, each key frame twice, 8 clips an iteration) are ours. Starts from: K-Net R50 trained
on COCO panoptic (configs/knet/r50_coco_panoptic.py), set ``load_from`` to it. Published on val: VPQ 57.8. Reproduced:
not run.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/cityscapes_vps.py',
    '../_base_/models/video_knet_r50.py',
    '../_base_/schedules/adamw_12e.py',
]

model = dict(decoder=dict(num_things=8, num_stuff=11))
train_dataloader = dict(sampler=dict(_delete_=True, type='ClipSampler', repeat=2))

default_hooks = dict(checkpoint=dict(by_epoch=True, interval=1, save_best='vpq/VPQ'))
log_processor = dict(by_epoch=True)
load_from = None
# what COCO's K-Net does not have, and its classifiers
load_from_allow = [
    'decoder.embedding_head',
    'decoder.stages.2.linking',
    'decoder.stages.2.fusion',
    'decoder.proposal_head.conv_seg',
    'decoder.stages.*.fc_cls',
]
auto_scale_lr = dict(enable=False, base_batch_size=8)
