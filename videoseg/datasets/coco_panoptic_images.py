"""COCO panoptic images."""

from mmdet.datasets import CocoPanopticDataset

from videoseg.datasets.panoptic_images import PanopticImageDataset
from videoseg.registry import DATASETS

_NO_THING = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
_STUFF = (
    *(92, 93, 95, 100, 107, 109, 112, 118, 119, 122, 125, 128, 130, 133, 138, 141, 144, 145, 147, 148, 149, 151, 154),
    *(155, 156, 159, 161, 166, 168, 171, 175, 176, 177, 178, 180, 181),
    *range(184, 201),
)


@DATASETS.register_module()
class COCOPanopticImageDataset(PanopticImageDataset):
    """COCO panoptic images for pre-training: each is a video of one frame; 133 classes, 80 of them things.

    Layout: ``<split>2017/<id>.jpg``, ``annotations/panoptic_<split>2017.json`` and the folder of that name with
    ``<id>.png``. For example ``data_root='data/coco', ann_file='annotations/panoptic_train2017.json',
    data_prefix=dict(img='train2017', seg='annotations/panoptic_train2017')``. Names and colours are mmdet's.

    See :class:`BasePanopticJsonDataset` for the arguments. Source: Kirillov et al., Panoptic Segmentation, CVPR 2019.
    """

    METAINFO = dict(
        name='coco_panoptic',
        classes=tuple(CocoPanopticDataset.METAINFO['classes']),
        num_things=len(CocoPanopticDataset.METAINFO['thing_classes']),
        raw_ids=(*(i for i in range(1, 91) if i not in _NO_THING), *_STUFF),
        palette=[tuple(color) for color in CocoPanopticDataset.METAINFO['palette']],
    )
