"""AdamW as Pix2Seq-D publishes it for videos: 50,000 iterations of 32 clips, constant rate.

The averaged weights are in ``custom_hooks`` of the configs: momentum 1 - decay.
"""

max_iters = 50000
train_cfg = dict(type='ResumableIterLoop', max_iters=max_iters, val_interval=5000)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-5, weight_decay=0.05, betas=(0.9, 0.999)),
    clip_grad=dict(max_norm=1.0, norm_type=2),
)
param_scheduler = []
auto_scale_lr = dict(enable=False, base_batch_size=32)
