"""COCO instance images."""

from mmdet.datasets import CocoDataset

from videoseg.datasets.coco_panoptic_images import COCOPanopticImageDataset
from videoseg.datasets.instance_images import InstanceImageDataset
from videoseg.registry import DATASETS

_NUM_CLASSES = len(CocoDataset.METAINFO['classes'])


@DATASETS.register_module()
class COCOInstanceImageDataset(InstanceImageDataset):
    """COCO instance images for pre-training: each is a video of one frame; 80 classes.

    Layout: ``<split>2017/<id>.jpg`` and ``annotations/instances_<split>2017.json``. For example
    ``data_root='data/coco', ann_file='annotations/instances_train2017.json', data_prefix=dict(img='train2017')``. Names
    and colours are mmdet's.

    See :class:`InstanceImageDataset` for the arguments. Source: Lin et al., Microsoft COCO, ECCV 2014.
    """

    NAMES_FROM_JSON = False
    METAINFO = dict(
        name='coco_instance',
        classes=tuple(CocoDataset.METAINFO['classes']),
        num_things=_NUM_CLASSES,
        raw_ids=COCOPanopticImageDataset.METAINFO['raw_ids'][:_NUM_CLASSES],
        palette=[tuple(color) for color in CocoDataset.METAINFO['palette']],
    )
