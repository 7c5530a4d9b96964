"""Synthetic videos with exact panoptic truth: a scene model, presets of it and a writer for many on-disk layouts."""

from videoseg.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        'CLASSES': 'presets',
        'PRESETS': 'presets',
        'SYNTHETIC_METAINFO': 'presets',
        'LAYOUTS': 'layouts.table',
        'RenderedFrame': 'rendered_frame',
        'Scene': 'scene',
        'ScenePreset': 'scene_preset',
        'SyntheticWriter': 'synthetic_writer',
        'TrackStatistics': 'track_statistics',
        'check_dataset': 'integrity',
        'get_preset': 'presets',
        'sample_scene': 'sampling',
        'synthetic_metainfo': 'layouts.table',
    },
)
