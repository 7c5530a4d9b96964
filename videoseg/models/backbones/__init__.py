"""Backbones that mmdet and mmseg lack or keep maps of; all of mmdet's can be named in configs as they are."""

from .efficientnet_lite import EfficientNetLite, efficientnet_lite0_checkpoint
from .stdc_pyramid import STDCPyramid

__all__ = ['EfficientNetLite', 'STDCPyramid', 'efficientnet_lite0_checkpoint']
