"""The quickstart's model on synthetic images in the layout of Cityscapes panoptic: each image is a video of one frame.

    python tools/dataset_converters/make_synthetic.py data/synthetic_cityscapes_panoptic --layout cityscapes_panoptic
    python tools/test.py configs/video_knet/effnet-lite0_synthetic_cityscapes_panoptic.py \\
        work_dirs/quickstart/iter_2450.pth

Starts from: the quickstart, configs/video_knet/effnet-lite0_synthetic_quickstart.py.
"""

_base_ = './effnet-lite0_synthetic_coco_panoptic.py'

test_dataloader = dict(
    dataset=dict(
        type='CityscapesPanopticImageDataset',
        data_root='data/synthetic_cityscapes_panoptic/',
        ann_file='gtFine/cityscapes_panoptic_val.json',
        data_prefix=dict(img='leftImg8bit/val', seg='gtFine/cityscapes_panoptic_val'),
    )
)
