"""The quickstart's model on synthetic videos in the layout of Cityscapes-VPS: VPS, VIS and VSS metrics in one test.

Every fifth frame has labels; windows are counted in labelled frames.

    python tools/dataset_converters/make_synthetic.py data/synthetic_cityscapes_vps --layout cityscapes_vps
    python tools/test.py configs/video_knet/effnet-lite0_synthetic_cityscapes_vps.py work_dirs/quickstart/iter_2450.pth

Starts from: the quickstart, configs/video_knet/effnet-lite0_synthetic_quickstart.py.
"""

_base_ = './effnet-lite0_synthetic_quickstart.py'

test_dataloader = dict(
    dataset=dict(
        type='CityscapesVPSDataset',
        data_root='data/synthetic_cityscapes_vps/',
        ann_file='panoptic_gt_val_city_vps.json',
        data_prefix=dict(img='val/img_all', seg='val/panoptic_video'),
        metainfo=dict(
            classes=('disc', 'crate', 'star', 'grass', 'water', 'wall'),
            num_things=3,
            raw_ids=(3, 4, 5, 0, 1, 2),
        ),
    )
)
test_evaluator = [
    dict(type='STQMetric'),
    dict(type='VPQMetric', windows=(1, 2, 3, 4)),
    dict(type='PQMetric'),
    dict(type='VideoAPMetric'),
    dict(type='SemanticIoUMetric'),
    dict(type='VideoConsistencyMetric', windows=(2, 4)),
    dict(type='PredictionWriter', format='cityscapes_vps'),
]
