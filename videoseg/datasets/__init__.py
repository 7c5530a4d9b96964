"""On-disk formats, clip sampling, loading, augmentation and packing."""

import mmdet.datasets  # noqa: F401  (fills the parent registries before anything of ours is looked up)

from videoseg.datasets import samplers, transforms  # noqa: F401
from videoseg.datasets.base_video_panoptic import BaseVideoPanopticDataset
from videoseg.datasets.camvid_vps import CamVidVPSDataset
from videoseg.datasets.kitti_step import KITTISTEPDataset
from videoseg.datasets.label_map import LabelMap
from videoseg.datasets.motchallenge_step import MOTChallengeSTEPDataset
from videoseg.datasets.sample_rejected import SampleRejected
from videoseg.datasets.synthetic_step import SyntheticSTEPDataset

__all__ = [
    'BaseVideoPanopticDataset',
    'CamVidVPSDataset',
    'KITTISTEPDataset',
    'LabelMap',
    'MOTChallengeSTEPDataset',
    'SampleRejected',
    'SyntheticSTEPDataset',
]
