"""The segmentor of our own models, and the adapter of mmdet's."""

from videoseg.models.segmentors.base_segmentor import BaseSegmentor
from videoseg.models.segmentors.mmdet_video_segmentor import MMDetVideoSegmentor
from videoseg.models.segmentors.video_segmentor import VideoSegmentor

__all__ = ['BaseSegmentor', 'MMDetVideoSegmentor', 'VideoSegmentor']
