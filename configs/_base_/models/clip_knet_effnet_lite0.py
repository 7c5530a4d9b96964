"""A small clip K-Net on EfficientNet-Lite0 for video instance segmentation: 64 channels, 16 kernels, one class."""

_base_ = './knet_effnet_lite0.py'

model = dict(
    neck=[
        dict(type='FPN', in_channels=[24, 40, 112, 320], out_channels=64, num_outs=4),
        # positions at stride 8: kernels of the frames become one by their number, so a number must mean a place
        dict(
            type='SemanticFPN', in_channels=64, feat_channels=64, out_channels=64, upsample_times=3, coordinate_level=1
        ),
    ],
    decoder=dict(
        type='ClipKNetDecoder',
        num_things=1,
        num_stuff=0,
        num_proposals=16,
        in_channels=64,
        query_fusion='mean',
        update_head=dict(feedforward_channels=256, prior_probability=0.1),
        proposal_criterion=None,  # a soft-max over one class teaches nothing; the default is a focal loss
        criterion=dict(loss_cls=dict(type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.5, loss_weight=2.0)),
        tube_criterion=dict(loss_cls=dict(type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.5, loss_weight=2.0)),
    ),
    postprocessor=dict(_delete_=True, type='InstancePostprocessor', max_per_img=10),
    # identity inside a window is the (kernel, class) pair
    tracker=dict(type='KernelIndexTracker', per_class=True),
    test_cfg=dict(window=14),
)
