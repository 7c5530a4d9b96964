"""Tube-Link with ResNet-50 for VPS as published for VIPSeg: 34 thing queries and 66 stuff slots, link and embedding."""

# mmdet's Mask2Former, COCO panoptic and COCO instances: what Tube-Link starts from
_r50_coco_panoptic = (
    'https://download.openmmlab.com/mmdetection/v2.0/mask2former/mask2former_r50_lsj_8x2_50e_coco-panoptic/'
    'mask2former_r50_lsj_8x2_50e_coco-panoptic_20220326_224516-11a44721.pth'
)
_r50_coco_instances = (
    'https://download.openmmlab.com/mmdetection/v3.0/mask2former/mask2former_r50_8xb2-lsj-50e_coco/'
    'mask2former_r50_8xb2-lsj-50e_coco_20220506_191028-41b088b6.pth'
)

model = dict(
    type='VideoSegmentor',
    data_preprocessor=dict(type='ClipDataPreprocessor'),
    backbone=dict(
        type='ResNet',
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        frozen_stages=-1,
        norm_cfg=dict(type='BN', requires_grad=True),
        norm_eval=False,
        style='pytorch',
        init_cfg=dict(type='Pretrained', checkpoint='https://download.pytorch.org/models/resnet50-0676ba61.pth'),
    ),
    neck=dict(type='DeformablePixelDecoder', in_channels=[256, 512, 1024, 2048], semantic_head=False),
    decoder=dict(
        type='TubeLinkDecoder',
        num_things=58,
        num_stuff=66,
        num_queries=100,
        stuff_slots=True,
        link=dict(type='CrossTubeLink'),
        association=dict(type='TubeContrastiveHead'),
    ),
    postprocessor=dict(type='QueryPanopticPostprocessor'),
    tracker=dict(type='TubeMemoryTracker'),
    test_cfg=dict(window=4),
)
sync_bn = 'torch'
