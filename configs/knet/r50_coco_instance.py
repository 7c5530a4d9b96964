"""K-Net R50 on COCO instances, 1x: no stuff kernels, no ranking loss; otherwise as r50_coco_panoptic.py.

Starts from: ImageNet. Published: mask AP 34.0 (3x 37.8). Reproduced: not run. The authors train and score on COCO's
instance annotations; this takes the things of the panoptic ones, whose masks do not overlap: AP is not quite the same.
The authors' weights convert with ``tools/model_converters/convert_weights.py``. Video K-Net on YouTube-VIS starts from
this model.
"""

_base_ = './r50_coco_panoptic.py'

model = dict(
    decoder=dict(num_stuff=0),
    postprocessor=dict(_delete_=True, type='InstancePostprocessor', max_per_img=100),
)
val_evaluator = [dict(type='VideoAPMetric', max_per_video=100)]
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='ap/AP'))
