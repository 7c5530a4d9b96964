"""Pictures: colours, overlays, panels and videos."""

import mmdet.visualization  # noqa: F401  (registers mmdet's own before ours are looked up)

from videoseg.visualization.ground_truth import panoptic_from_ground_truth
from videoseg.visualization.instances import panoptic_from_instances
from videoseg.visualization.label_placer import LabelPlacer
from videoseg.visualization.overlay import PanopticOverlay
from videoseg.visualization.palette import class_colors, track_colors
from videoseg.visualization.panels import side_by_side
from videoseg.visualization.video_recorder import VideoRecorder
from videoseg.visualization.video_writer import VideoWriter

__all__ = [
    'LabelPlacer',
    'PanopticOverlay',
    'VideoRecorder',
    'VideoWriter',
    'class_colors',
    'panoptic_from_ground_truth',
    'panoptic_from_instances',
    'side_by_side',
    'track_colors',
]
