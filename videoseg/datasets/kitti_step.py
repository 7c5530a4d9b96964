"""KITTI-STEP."""

from videoseg.datasets.base_video_panoptic import BaseVideoPanopticDataset
from videoseg.registry import DATASETS


@DATASETS.register_module()
class KITTISTEPDataset(BaseVideoPanopticDataset):
    """KITTI-STEP: the 19 classes of Cityscapes, of which person and car are things.

    Raw train ids become labels as in ``specs/video_knet.md`` section 1.8: person (11) 0, car (13) 1, stuff 2 + rank
    among the 17 others. Layout: ``images/<split>/<seq>/<frame>.png``, ``panoptic_maps/<split>/<seq>/<frame>.png``, for
    example ``data_root='data/kitti_step', data_prefix=dict(img='images/train', seg='panoptic_maps/train')``. Palette:
    Cityscapes.

    See :class:`BaseVideoPanopticDataset` for the arguments. Source: Weber et al., STEP, NeurIPS 2021.
    """

    METAINFO = dict(
        name='kitti_step',
        classes=(
            'person',
            'car',
            'road',
            'sidewalk',
            'building',
            'wall',
            'fence',
            'pole',
            'traffic light',
            'traffic sign',
            'vegetation',
            'terrain',
            'sky',
            'rider',
            'truck',
            'bus',
            'train',
            'motorcycle',
            'bicycle',
        ),
        num_things=2,
        raw_ids=(11, 13, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 17, 18),
        palette=[
            (220, 20, 60),
            (0, 0, 142),
            (128, 64, 128),
            (244, 35, 232),
            (70, 70, 70),
            (102, 102, 156),
            (190, 153, 153),
            (153, 153, 153),
            (250, 170, 30),
            (220, 220, 0),
            (107, 142, 35),
            (152, 251, 152),
            (70, 130, 180),
            (255, 0, 0),
            (0, 0, 70),
            (0, 60, 100),
            (0, 80, 100),
            (0, 0, 230),
            (119, 11, 32),
        ],
    )
