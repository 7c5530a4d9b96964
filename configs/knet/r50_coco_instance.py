"""K-Net R50 on COCO instances, 1x: no stuff kernels, no ranking loss; otherwise as r50_coco_panoptic.py.

Starts from: ImageNet. Published: mask AP 34.0. Reproduced: not run. Training paints overlapping masks over each other,
which the authors' does not; the test has the exact ones. The authors' weights convert with
``tools/model_converters/convert_weights.py``. Video K-Net on YouTube-VIS starts from this model.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/coco_instance.py',
    '../_base_/models/knet_r50.py',
    '../_base_/schedules/adamw_12e.py',
]

model = dict(
    decoder=dict(num_stuff=0),
    postprocessor=dict(_delete_=True, type='InstancePostprocessor', max_per_img=100),
    tracker=dict(per_class=True),  # an instance is a (kernel, class) pair
)
train_dataloader = dict(sampler=dict(infinite=False))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=1000, by_epoch=False),
    dict(type='MultiStepLR', milestones=[8, 11], gamma=0.1, begin=0, end=12, by_epoch=True),
]
default_hooks = dict(checkpoint=dict(by_epoch=True, interval=1, save_best='ap/AP'))
log_processor = dict(by_epoch=True)
auto_scale_lr = dict(enable=False, base_batch_size=16)  # 2 images a GPU as published; 8 GPUs are our guess
