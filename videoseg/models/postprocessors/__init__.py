"""From predictions to segments at the original size."""

from .instance_postprocessor import InstancePostprocessor
from .panoptic_postprocessor import PanopticPostprocessor
from .semantic_postprocessor import SemanticPostprocessor

__all__ = ['InstancePostprocessor', 'PanopticPostprocessor', 'SemanticPostprocessor']
