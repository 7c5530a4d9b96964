"""The quickstart's model on synthetic videos in the layout of DAVIS: J&F and AP without classes.

    python tools/dataset_converters/make_synthetic.py data/synthetic_davis --layout davis
    python tools/test.py configs/video_knet/effnet-lite0_synthetic_davis.py work_dirs/quickstart/iter_2450.pth

Starts from: the quickstart, configs/video_knet/effnet-lite0_synthetic_quickstart.py.
"""

_base_ = './effnet-lite0_synthetic_quickstart.py'

test_dataloader = dict(
    dataset=dict(
        type='DAVISDataset',
        data_root='data/synthetic_davis/',
        ann_file='ImageSets/2017/val.txt',
        data_prefix=dict(img='JPEGImages/480p', seg='Annotations/480p'),
        # the classes are those of the model; the ground truth has objects only
        metainfo=dict(
            classes=('disc', 'crate', 'star', 'grass', 'water', 'wall'),
            num_things=3,
            raw_ids=(3, 4, 5, 0, 1, 2),
            gt_kinds=('instance',),
        ),
    )
)
test_evaluator = [
    dict(type='STQMetric'),
    dict(type='VPQMetric'),
    dict(type='PQMetric'),
    dict(type='VideoAPMetric', class_agnostic=True),
    dict(type='JAndFMetric'),
    dict(type='SemanticIoUMetric'),
    dict(type='VideoConsistencyMetric'),
    dict(type='PredictionWriter', format='davis'),
]
