"""The one segmentor."""

from videoseg.models.segmentors.video_segmentor import VideoSegmentor

__all__ = ['VideoSegmentor']
