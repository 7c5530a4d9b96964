"""The quickstart's model on synthetic images in the layout of COCO panoptic: each image is a video of one frame.

    python tools/dataset_converters/make_synthetic.py data/synthetic_coco_panoptic --layout coco_panoptic
    python tools/test.py configs/video_knet/effnet-lite0_synthetic_coco_panoptic.py work_dirs/quickstart/iter_2450.pth

Starts from: the quickstart, configs/video_knet/effnet-lite0_synthetic_quickstart.py.
"""

_base_ = './effnet-lite0_synthetic_quickstart.py'

test_dataloader = dict(
    dataset=dict(
        type='COCOPanopticImageDataset',
        data_root='data/synthetic_coco_panoptic/',
        ann_file='annotations/panoptic_val2017.json',
        data_prefix=dict(img='val2017', seg='annotations/panoptic_val2017'),
        metainfo=dict(
            classes=('disc', 'crate', 'star', 'grass', 'water', 'wall'),
            num_things=3,
            raw_ids=(3, 4, 5, 0, 1, 2),
        ),
    )
)
test_evaluator = [
    dict(type='PQMetric'),
    dict(type='STQMetric'),
    dict(type='VPQMetric', windows=(1,)),
    dict(type='VideoAPMetric'),
    dict(type='SemanticIoUMetric'),
    dict(type='PredictionWriter', format='coco_panoptic'),
]
