"""Draws scenes of a preset; the same preset, seed, split and index always give the same scene."""

import numpy as np

from videoseg.datasets.synthetic.background import Background
from videoseg.datasets.synthetic.camera import Camera
from videoseg.datasets.synthetic.motion import Path, add_meetings, sample_paths
from videoseg.datasets.synthetic.objects import Appearance, crowd_sprite, stuff_sprite, void_sprite
from videoseg.datasets.synthetic.presets import RAW_ID, STUFF, THINGS, VOID
from videoseg.datasets.synthetic.scene import Scene, SceneItem
from videoseg.datasets.synthetic.scene_preset import ScenePreset
from videoseg.datasets.synthetic.sprite import Sprite

SPLITS = ('train', 'val')
MAX_ATTEMPTS = 100


def sample_scene(preset: ScenePreset, seed: int, split: str, index: int) -> Scene:
    """Draw sequence ``index`` of a split.

    Scenes that miss the preset's guarantees (things in each frame, hidden tracks) are drawn again from the next
    child seed, so a sequence depends on nothing but the four arguments.

    Args:
        preset: Kind of scene.
        seed: Seed of the data set, at least 0.
        split: 'train' or 'val'; their seeds are disjoint.
        index: Number of the sequence in its split.

    Raises:
        ValueError: If the seed or index is negative or the split unknown.
        RuntimeError: If no scene meets the preset's guarantees.
    """
    if split not in SPLITS:
        raise ValueError(f'split must be one of {SPLITS}, got {split!r}')
    if seed < 0 or index < 0:
        raise ValueError(f'seed and index must be at least 0, got {seed} and {index}')
    for attempt in range(MAX_ATTEMPTS):
        key = (SPLITS.index(split), index, attempt)
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
        scene = _draw(rng, preset, preset.frames(split))
        if scene is not None:
            return scene
    raise RuntimeError(
        f'preset {preset.name!r}, seed {seed}, {split} sequence {index}: none of {MAX_ATTEMPTS} scenes has at least '
        f'{preset.min_things} things in each frame and {preset.min_hidden_share:.0%} hidden tracks; '
        'use a wider frame size or weaker guarantees'
    )


def _draw(rng: np.random.Generator, preset: ScenePreset, frames: int) -> Scene | None:
    """One attempt; None if the guarantees are missed."""
    height = preset.size[0]
    camera = Camera(rng, preset.size, preset.camera_pan * height, preset.camera_zoom, preset.camera_roll)
    items, anchors = _scenery(rng, preset, frames, camera)
    groups: list[int] = []
    paths = sample_paths(rng, preset, frames, camera, groups)
    add_meetings(rng, paths, anchors, preset, frames, camera)
    objects = _objects(rng, preset, frames, paths)
    regions = int(rng.integers(max(preset.regions[0], 1), preset.regions[1] + 1))
    background_rng, gain_phase, noise_seed = rng.spawn(1)[0], rng.uniform(0, 2 * np.pi), int(rng.integers(2**63))
    band = _band(rng, preset) if rng.uniform() < preset.void_band_prob else None
    gains = 1 + preset.light_drift * np.sin(2 * np.pi * np.arange(frames) / rng.uniform(12, 30) + gain_phase)

    def build(background: Background, things: list[SceneItem]) -> Scene:
        return Scene(preset.size, frames, camera, background, items + things, band, gains, preset.noise_std, noise_seed)

    blank = Background(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8))
    statistics = build(blank, objects).statistics()
    seen = statistics.tracks
    if statistics.things_per_frame(preset.min_visible_pixels).min() < preset.min_things:
        return None
    if statistics.hidden_tracks.sum() < preset.min_hidden_share * seen.sum():
        return None
    background = Background.sample(background_rng, camera.reach(), regions, height / 128)
    return build(background, _renumber(rng, [item for item in objects if seen[item.instance - 1]]))


def _renumber(rng: np.random.Generator, things: list[SceneItem]) -> list[SceneItem]:
    """Give the things that are ever seen the ids 1..N, in random order so that ids tell nothing of depth."""
    order = rng.permutation(len(things)) + 1
    fields = (dict(vars(item), instance=int(new)) for item, new in zip(things, order, strict=True))
    return [SceneItem(**values) for values in fields]


def _objects(rng: np.random.Generator, preset: ScenePreset, frames: int, paths: list[Path]) -> list[SceneItem]:
    """Things along their paths; near things are big."""
    times = np.arange(frames, dtype=float)
    order = rng.permutation(len(THINGS))
    groups = range(max((path.group for path in paths), default=-1) + 1)
    appearances = [Appearance.sample(rng, THINGS[order[group % len(THINGS)]].name) for group in groups]
    items = []
    for number, path in enumerate(paths, start=1):
        look = appearances[path.group].lookalike(rng, preset.lookalike_jitter)
        drift = preset.scale_drift * np.sin(2 * np.pi * times / rng.uniform(16, 48) + rng.uniform(0, 2 * np.pi))
        angles = rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.04) * times
        if look.name == 'crate':
            angles = rng.normal(0, 0.3) + rng.normal(0, 0.02) * times
        radii = path.radius * np.exp(drift)
        depth = 1.0 / path.radius
        items.append(SceneItem(look.sprite(), RAW_ID[look.name], number, depth, path.positions(times), radii, angles))
    return items


def _scenery(
    rng: np.random.Generator, preset: ScenePreset, frames: int, camera: Camera
) -> tuple[list[SceneItem], list[tuple[np.ndarray, float]]]:
    """Items that rest in the world: unlabelled patches and a crowd behind the things, stuff in front of them.

    Returns:
        The items, and position and radius of each piece of stuff in front.
    """
    height, width = preset.size
    items: list[SceneItem] = []
    anchors: list[tuple[np.ndarray, float]] = []

    def rest(sprite: Sprite, raw_id: int, depth: float, radius: float, angle: float) -> np.ndarray:
        screen = rng.uniform([0.08 * width, 0.15 * height], [0.92 * width, 0.85 * height])
        center = camera.to_world(screen, frames / 2)
        still = (np.repeat(center[None], frames, axis=0), np.full(frames, radius), np.full(frames, angle))
        items.append(SceneItem(sprite, raw_id, 0, depth, *still))
        return center

    for number in range(int(rng.integers(preset.void_patches[0], preset.void_patches[1] + 1))):
        rest(void_sprite(rng), VOID, 2e6 + number, rng.uniform(0.08, 0.16) * height, rng.uniform(0, 6.28))
    if rng.uniform() < preset.crowd_prob:
        name, sprite = crowd_sprite(rng)
        rest(sprite, RAW_ID[name], 1e6, rng.uniform(0.2, 0.28) * height, 0.0)
    for number in range(int(rng.integers(preset.occluders[0], preset.occluders[1] + 1))):
        name = STUFF[rng.integers(len(STUFF))].name
        radius = rng.uniform(0.22, 0.36) * height
        sprite = stuff_sprite(rng, name, radius, height / 128)
        anchors.append((rest(sprite, RAW_ID[name], -1.0 - number, radius, 0.0), radius))
    return items, anchors


def _band(rng: np.random.Generator, preset: ScenePreset) -> np.ndarray:
    """Unlabelled band along the lower border with a wavy edge: (H, W) bool."""
    height, width = preset.size
    x = np.arange(width) / width
    edge = rng.uniform(0.03, 0.07) + 0.012 * np.sin(2 * np.pi * (rng.uniform(0.5, 2) * x + rng.uniform()))
    return np.arange(height)[:, None] >= np.round(height * (1 - edge))[None]
