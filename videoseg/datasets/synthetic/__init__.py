"""Synthetic videos with exact panoptic truth: a scene model, presets of it and a writer per on-disk layout."""

from videoseg.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        'CLASSES': 'presets',
        'PRESETS': 'presets',
        'SYNTHETIC_METAINFO': 'presets',
        'KittiStepWriter': 'kitti_step_writer',
        'RenderedFrame': 'rendered_frame',
        'Scene': 'scene',
        'ScenePreset': 'scene_preset',
        'TrackStatistics': 'track_statistics',
        'check_dataset': 'integrity',
        'get_preset': 'presets',
        'sample_scene': 'sampling',
    },
)
