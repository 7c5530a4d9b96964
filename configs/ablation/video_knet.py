"""The published ablation of Video K-Net (K-Net, + embedding, + linking, + fusion) at CPU scale.

Not a model: rows of trainings for tools/analysis_tools/run_ablation.py. Published numbers: STQ / AQ / SQ of R50 on
KITTI-STEP.
"""

work_dir = 'work_dirs/ablation_video_knet'
seeds = (0, 1, 2)
metrics = ('stq/STQ', 'stq/AQ', 'stq/SQ', 'vpq/VPQ')
published_metrics = ('stq/STQ', 'stq/AQ', 'stq/SQ')

no_fusion = {'model.decoder.fusion': None}
no_linking = {**no_fusion, 'model.decoder.linking': None}
knet = {**no_linking, 'model.decoder.embedding_head': None}
rows = [
    dict(
        name='knet',
        title='K-Net, ids by kernel index',
        options={**knet, 'model.tracker.type': 'KernelIndexTracker'},
        published=(67.5, 65.5, 68.9),
    ),
    # the same weights under a tracker that needs no embedding
    dict(
        name='knet_mask_iou',
        title='K-Net, ids by mask IoU',
        weights_of='knet',
        options={**knet, 'model.tracker.type': 'MaskIoUTracker'},
    ),
    dict(name='embedding', title='+ embedding', options=no_linking, published=(69.3, 69.0, 69.8)),
    dict(name='linking', title='+ linking', options=no_fusion, published=(70.2, 71.2, 69.7)),
    dict(name='fusion', title='+ fusion', options={}, published=(70.9, 70.8, 71.2)),
]

tables = [
    dict(
        name='occlusion',
        title='synthetic videos full of occlusions and look-alikes',
        prepare='tools/dataset_converters/make_synthetic.py data/synthetic_occlusion --preset occlusion '
        '--size 128 256 --train 120 --val 24 --frames 24',
        start=dict(config='configs/knet/effnet-lite0_synthetic_occlusion.py'),
        config='configs/video_knet/effnet-lite0_synthetic_occlusion.py',
        rows=rows,
    ),
    dict(
        name='camvid',
        title='CamVid clips',
        start=dict(config='configs/knet/effnet-lite0_camvid_vps.py'),
        config='configs/video_knet/effnet-lite0_camvid_vps.py',
        rows=rows,
    ),
]
