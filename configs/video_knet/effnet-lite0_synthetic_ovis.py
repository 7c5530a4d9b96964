"""The quickstart's model on synthetic videos in the layout of OVIS: VIS metrics; the ground truth has no stuff.

    python tools/dataset_converters/make_synthetic.py data/synthetic_ovis --layout ovis
    python tools/test.py configs/video_knet/effnet-lite0_synthetic_ovis.py work_dirs/quickstart/iter_2450.pth

Starts from: the quickstart, configs/video_knet/effnet-lite0_synthetic_quickstart.py.
"""

_base_ = './effnet-lite0_synthetic_quickstart.py'

test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='OVISDataset',
        data_root='data/synthetic_ovis/',
        ann_file='annotations_valid.json',
        data_prefix=dict(img='valid'),
        metainfo=dict(classes=('disc', 'crate', 'star'), num_things=3, raw_ids=(1, 2, 3)),
        pipeline=[
            dict(
                type='TransformBroadcaster',
                transforms=[dict(type='LoadImageFromFile'), dict(type='LoadInstanceTracks', as_map=False)],
            ),
            dict(type='PackClipInputs', test_mode=True),
        ],
        test_mode=True,
    )
)
test_evaluator = [
    dict(type='STQMetric'),
    dict(type='VPQMetric'),
    dict(type='PQMetric'),
    dict(type='VideoAPMetric', occlusion='ovis'),
    dict(type='SemanticIoUMetric'),
    dict(type='VideoConsistencyMetric'),
    dict(type='PredictionWriter', format='ovis'),
]
