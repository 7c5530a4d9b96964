"""Pixel decoders: from a feature pyramid to :class:`videoseg.structures.PixelFeatures`."""

from videoseg.models.necks.backbone_pyramid import BackbonePyramid
from videoseg.models.necks.deformable_pixel_decoder import DeformablePixelDecoder
from videoseg.models.necks.pyramid_merge import PyramidMerge
from videoseg.models.necks.semantic_fpn import SemanticFPN

__all__ = ['BackbonePyramid', 'DeformablePixelDecoder', 'PyramidMerge', 'SemanticFPN']
