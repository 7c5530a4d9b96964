"""Pixel decoders: from a feature pyramid to :class:`videoseg.structures.PixelFeatures`."""

from videoseg.models.necks.semantic_fpn import SemanticFPN

__all__ = ['SemanticFPN']
