"""videoseg: video segmentation with kernels and queries.

Importing the package costs nothing: sub-packages are imported where they are used, so that
``videoseg.evaluation.functional`` works without torch, mmengine or mmcv.
"""

from videoseg.version import __version__

__all__ = ['__version__']
