"""CamVid with track ids."""

from videoseg.datasets.base_video_panoptic import BaseVideoPanopticDataset
from videoseg.registry import DATASETS


@DATASETS.register_module()
class CamVidVPSDataset(BaseVideoPanopticDataset):
    """CamVid in KITTI-STEP encoding with derived track ids: 3 thing classes, 8 stuff classes.

    The 1 Hz frames for the image stage are read with ``layout='images'`` and
    ``data_prefix=dict(img='camvid/images/train', seg='camvid_vps/panoptic_1hz')``. Palette: CamVid.

    See :class:`BaseVideoPanopticDataset` for the arguments. Source: Brostow et al., PRL 2009.
    """

    METAINFO = dict(
        name='camvid_vps',
        classes=(
            'car',
            'pedestrian',
            'bicyclist',
            'sky',
            'building',
            'pole',
            'road',
            'pavement',
            'tree',
            'sign symbol',
            'fence',
        ),
        num_things=3,
        raw_ids=(8, 9, 10, 0, 1, 2, 3, 4, 5, 6, 7),
        palette=[
            (64, 0, 128),
            (64, 64, 0),
            (0, 128, 192),
            (128, 128, 128),
            (128, 0, 0),
            (192, 192, 128),
            (128, 64, 128),
            (60, 40, 222),
            (128, 128, 0),
            (192, 128, 128),
            (64, 64, 128),
        ],
    )
