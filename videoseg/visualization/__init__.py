"""Pictures: colours, overlays, panels and videos. Loaded on first use."""

from videoseg.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        'track_colors': 'palette',
        'class_colors': 'palette',
        'LabelPlacer': 'label_placer',
        'PanopticOverlay': 'overlay',
        'VideoWriter': 'video_writer',
        'side_by_side': 'panels',
        'panoptic_from_ground_truth': 'ground_truth',
    },
)
