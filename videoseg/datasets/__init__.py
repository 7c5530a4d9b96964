"""On-disk formats, clip sampling, loading, augmentation and packing."""

import mmdet.datasets  # noqa: F401  (fills the parent registries before anything of ours is looked up)

from videoseg.datasets import samplers, transforms  # noqa: F401
from videoseg.datasets.ade20k_images import ADE20KImageDataset
from videoseg.datasets.base_listed_videos import BaseListedVideosDataset
from videoseg.datasets.base_panoptic_json import BasePanopticJsonDataset
from videoseg.datasets.base_video_instance import BaseVideoInstanceDataset
from videoseg.datasets.base_video_panoptic import BaseVideoPanopticDataset
from videoseg.datasets.camvid_vps import CamVidVPSDataset
from videoseg.datasets.cityscapes_panoptic import CityscapesPanopticImageDataset
from videoseg.datasets.cityscapes_vps import CityscapesVPSDataset
from videoseg.datasets.clip_concat import ClipConcatDataset
from videoseg.datasets.coco_instance_images import COCOInstanceImageDataset
from videoseg.datasets.coco_panoptic_images import COCOPanopticImageDataset
from videoseg.datasets.davis import DAVISDataset
from videoseg.datasets.instance_images import InstanceImageDataset
from videoseg.datasets.kitti_step import KITTISTEPDataset
from videoseg.datasets.label_map import LabelMap
from videoseg.datasets.motchallenge_step import MOTChallengeSTEPDataset
from videoseg.datasets.ovis import OVISDataset
from videoseg.datasets.panoptic_images import PanopticImageDataset
from videoseg.datasets.sample_rejected import SampleRejected
from videoseg.datasets.semantic_images import SemanticImageDataset
from videoseg.datasets.synthetic_step import SyntheticSTEPDataset
from videoseg.datasets.video_folder import VideoFolderDataset
from videoseg.datasets.vipseg import VIPSegDataset
from videoseg.datasets.vspw import VSPWDataset
from videoseg.datasets.youtube_vis_2019 import YouTubeVIS2019Dataset
from videoseg.datasets.youtube_vis_2021 import YouTubeVIS2021Dataset

__all__ = [
    'ADE20KImageDataset',
    'BaseListedVideosDataset',
    'BasePanopticJsonDataset',
    'BaseVideoInstanceDataset',
    'BaseVideoPanopticDataset',
    'COCOInstanceImageDataset',
    'COCOPanopticImageDataset',
    'CamVidVPSDataset',
    'CityscapesPanopticImageDataset',
    'CityscapesVPSDataset',
    'ClipConcatDataset',
    'DAVISDataset',
    'InstanceImageDataset',
    'KITTISTEPDataset',
    'LabelMap',
    'MOTChallengeSTEPDataset',
    'OVISDataset',
    'PanopticImageDataset',
    'SampleRejected',
    'SemanticImageDataset',
    'SyntheticSTEPDataset',
    'VIPSegDataset',
    'VSPWDataset',
    'VideoFolderDataset',
    'YouTubeVIS2019Dataset',
    'YouTubeVIS2021Dataset',
]
