"""The typed things that travel from the data to the numbers.

``ids`` and ``rle`` are free of torch; everything else is loaded on first use.
"""

from videoseg.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        'PixelFeatures': 'pixel_features',
        'ClipPrediction': 'clip_prediction',
        'MapPrediction': 'map_prediction',
        'ClipSegments': 'clip_segments',
        'VideoState': 'video_state',
        'FrameMeta': 'video_state',
    },
)
