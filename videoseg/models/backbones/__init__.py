"""Backbones that mmdet and mmseg lack; all of mmdet's can be named in configs as they are."""

from .efficientnet_lite import EfficientNetLite, efficientnet_lite0_checkpoint

__all__ = ['EfficientNetLite', 'efficientnet_lite0_checkpoint']
