"""Classes of the synthetic videos and the named scene presets."""

import dataclasses
from typing import NamedTuple

from videoseg.datasets.synthetic.scene_preset import ScenePreset

VOID = 255
"""Raw class id of unlabelled pixels, as in KITTI-STEP."""


class ClassInfo(NamedTuple):
    """One class: its name, raw id on disk, kind and display colour (RGB)."""

    name: str
    raw_id: int
    is_thing: bool
    color: tuple[int, int, int]


CLASSES: tuple[ClassInfo, ...] = (
    ClassInfo('grass', 0, False, (107, 142, 35)),
    ClassInfo('water', 1, False, (70, 130, 180)),
    ClassInfo('wall', 2, False, (150, 110, 150)),
    ClassInfo('disc', 3, True, (220, 20, 60)),
    ClassInfo('crate', 4, True, (0, 0, 142)),
    ClassInfo('star', 5, True, (250, 170, 30)),
)
"""In the order of the raw ids: like KITTI-STEP's, these do not put things first."""

THINGS = tuple(info for info in CLASSES if info.is_thing)
STUFF = tuple(info for info in CLASSES if not info.is_thing)
RAW_ID = {info.name: info.raw_id for info in CLASSES}

SYNTHETIC_METAINFO = {
    'classes': tuple(info.name for info in THINGS + STUFF),
    'num_things': len(THINGS),
    'raw_ids': tuple(info.raw_id for info in THINGS + STUFF),
    'palette': [info.color for info in THINGS + STUFF],
}
"""Metainfo of the dataset class in model label order: things first, then stuff."""

PRESETS: dict[str, ScenePreset] = {
    'quickstart': ScenePreset(
        name='quickstart',
        num_train=64,
        num_val=12,
        val_frames=24,
        slots=(2, 3),
        radius=(0.2, 0.3),
        lifetime=(20, 48),
        speed=(0.015, 0.04),
        knot_period=6.0,
        lookalike_prob=0.3,
        camera_zoom=0.08,
        crowd_prob=0.05,
        min_things=2,
    ),
    'vis': ScenePreset(
        name='vis',
        size=(96, 192),
        num_train=240,
        num_val=48,
        train_frames=10,
        val_frames=8,
        slots=(2, 3),
        radius=(0.2, 0.32),
        lifetime=(16, 60),
        speed=(0.006, 0.03),
        knot_period=7.0,
        lookalike_prob=0.3,
        camera_zoom=0.08,
        crowd_prob=0.0,
        min_things=2,
    ),
    'occlusion': ScenePreset(
        name='occlusion',
        size=(192, 384),
        num_train=200,
        num_val=40,
        train_frames=24,
        val_frames=32,
        slots=(5, 8),
        radius=(0.09, 0.24),
        lifetime=(16, 48),
        speed=(0.005, 0.04),
        knot_period=8.0,
        meet_prob=0.8,
        meet_hold=6.0,
        lookalike_prob=0.65,
        lookalike_jitter=0.03,
        scale_drift=0.45,
        camera_pan=0.3,
        camera_zoom=0.2,
        camera_roll=6.0,
        regions=(3, 9),
        occluders=(1, 3),
        crowd_prob=0.4,
        void_patches=(0, 3),
        light_drift=0.15,
        noise_std=6.0,
        min_things=4,
        min_hidden_share=0.3,
    ),
}


def get_preset(name: str, **changes: object) -> ScenePreset:
    """Look a preset up and change some of its fields.

    Args:
        name: Name of the preset.
        **changes: Fields of ``ScenePreset`` with their new values.

    Returns:
        The changed preset; its name stays.

    Raises:
        KeyError: If there is no such preset; the message lists them.
        TypeError: If a field does not exist.
        ValueError: If a value is out of its range.
    """
    if name not in PRESETS:
        raise KeyError(f'no synthetic preset {name!r}; there are {", ".join(sorted(PRESETS))}')
    return dataclasses.replace(PRESETS[name], **changes)
