"""The quickstart's model on synthetic videos in the layout of VideoFolder: VPS, VIS and VSS metrics in one test.

    python tools/dataset_converters/make_synthetic.py data/synthetic_video_folder --layout video_folder
    python tools/test.py configs/video_knet/effnet-lite0_synthetic_video_folder.py work_dirs/quickstart/iter_2450.pth

Starts from: the quickstart, configs/video_knet/effnet-lite0_synthetic_quickstart.py.
"""

_base_ = './effnet-lite0_synthetic_quickstart.py'

test_dataloader = dict(
    dataset=dict(
        type='VideoFolderDataset',
        data_root='data/synthetic_video_folder/',
        ann_file='val/annotations.json',
        data_prefix=dict(img='val/frames', seg='val/panoptic'),
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
    dict(type='PredictionWriter', format='vipseg'),
]
