"""Which clips are trained on and which windows are tested, in which order."""

from videoseg.datasets.samplers.clip_sampler import ClipSampler
from videoseg.datasets.samplers.index import DrawIndex, WindowIndex
from videoseg.datasets.samplers.video_window_sampler import VideoWindowSampler

__all__ = ['ClipSampler', 'DrawIndex', 'VideoWindowSampler', 'WindowIndex']
