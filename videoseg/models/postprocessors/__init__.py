"""From predictions to segments at the original size."""

from .base_postprocessor import BasePostprocessor
from .instance_postprocessor import InstancePostprocessor
from .map_postprocessor import MapPostprocessor
from .panoptic_postprocessor import PanopticPostprocessor
from .query_panoptic_postprocessor import QueryPanopticPostprocessor
from .semantic_postprocessor import SemanticPostprocessor
from .video_instance_postprocessor import VideoInstancePostprocessor

__all__ = [
    'BasePostprocessor',
    'InstancePostprocessor',
    'MapPostprocessor',
    'PanopticPostprocessor',
    'QueryPanopticPostprocessor',
    'SemanticPostprocessor',
    'VideoInstancePostprocessor',
]
