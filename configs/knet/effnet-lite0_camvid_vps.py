"""K-Net on EfficientNet-Lite0 for CamVid frames at 1 Hz: the image stage before
configs/video_knet/effnet-lite0_camvid_vps.py.

Starts from: EfficientNet-Lite0, ImageNet. Needs data/camvid_vps (clips and panoptic_1hz) and data/camvid (images).
"""

_base_ = ['../video_knet/effnet-lite0_camvid_vps.py']

model = dict(
    decoder=dict(
        type='KNetDecoder',
        _delete_=True,
        num_things=3,
        num_stuff=8,
        num_proposals=40,
        in_channels=96,
        mask_assign_stride=4,
        update_head=dict(feedforward_channels=384),
        assigner=dict(
            type='KernelAssigner',
            mask_costs=[
                dict(type='KernelDiceCost', weight=4.0, clamp_min=0.001),
                dict(type='KernelMaskCost', weight=1.0, clamp_min=0.01),
            ],
        ),
        proposal_head=dict(semantic_prior=None),
        proposal_criterion=dict(loss_seg=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0)),
        criterion=dict(loss_rank=None),
    ),
    tracker=dict(_delete_=True, type='KernelIndexTracker'),
)
train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        data_root='data/',
        layout='images',
        data_prefix=dict(img='camvid/images/train', seg='camvid_vps/panoptic_1hz'),
        pipeline=[
            dict(type='ClipSample', num_refs=0),
            dict(type='TransformBroadcaster', share_random_params=True, transforms=_base_.augmentation),
            dict(type='ClipCrop', crop_size=_base_.crop_size),
            dict(type='PackClipInputs'),
        ],
    ),
)
max_iters = 900
train_cfg = dict(type='ResumableIterLoop', max_iters=max_iters, val_interval=max_iters)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=100, end=max_iters, eta_min=1e-5, by_epoch=False),
]
load_from_allow = []
auto_scale_lr = dict(enable=False, base_batch_size=4)
