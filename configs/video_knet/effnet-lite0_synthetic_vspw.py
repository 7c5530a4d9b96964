"""The quickstart's model on synthetic videos in the layout of VSPW: VSS metrics; the ground truth has no instances.

    python tools/dataset_converters/make_synthetic.py data/synthetic_vspw --layout vspw
    python tools/test.py configs/video_knet/effnet-lite0_synthetic_vspw.py work_dirs/quickstart/iter_2450.pth

Starts from: the quickstart, configs/video_knet/effnet-lite0_synthetic_quickstart.py.
"""

_base_ = './effnet-lite0_synthetic_quickstart.py'

test_dataloader = dict(
    dataset=dict(
        type='VSPWDataset',
        data_root='data/synthetic_vspw/',
        ann_file='val.txt',
        data_prefix=dict(img='data', seg='data'),
        metainfo=dict(
            classes=('disc', 'crate', 'star', 'grass', 'water', 'wall'),
            num_things=3,
            raw_ids=(3, 4, 5, 0, 1, 2),
        ),
    )
)
test_evaluator = [
    dict(type='STQMetric'),
    dict(type='VPQMetric'),
    dict(type='PQMetric'),
    dict(type='VideoAPMetric'),
    dict(type='SemanticIoUMetric'),
    dict(type='VideoConsistencyMetric'),
    dict(type='PredictionWriter', format='vspw'),
]
