"""The synthetic videos of the quickstart."""

from videoseg.datasets.base_video_panoptic import BaseVideoPanopticDataset
from videoseg.datasets.synthetic.presets import SYNTHETIC_METAINFO
from videoseg.registry import DATASETS


@DATASETS.register_module()
class SyntheticSTEPDataset(BaseVideoPanopticDataset):
    """What :mod:`videoseg.datasets.synthetic` writes in KITTI-STEP layout.

    See :class:`BaseVideoPanopticDataset` for the arguments.
    """

    METAINFO = dict(name='synthetic_step', **SYNTHETIC_METAINFO)
