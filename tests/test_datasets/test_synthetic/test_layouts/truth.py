"""A small data set in any layout beside the scenes that it was made from."""

import dataclasses
import functools
from pathlib import Path

import numpy as np
from PIL import Image

from videoseg.datasets.synthetic import SyntheticWriter, get_preset, sample_scene
from videoseg.datasets.synthetic.layouts.encoding import jpeg_bytes
from videoseg.datasets.synthetic.rendered_frame import RenderedFrame
from videoseg.datasets.synthetic.scene import Scene
from videoseg.datasets.synthetic.scene_preset import ScenePreset

SEED = 3
THING_IDS = (3, 4, 5)
FIRST = {'train': 0, 'val': 5000}


def tiny(train: int = 1, val: int = 1, frames: int = 6) -> ScenePreset:
    """Scenes with crowds, unlabelled patches and objects that hide each other and leave."""
    fields = dict(size=(48, 96), train_frames=frames, val_frames=frames, min_things=0, crowd_prob=1.0)
    crowded = dict(
        slots=(3, 4), void_patches=(1, 2), void_band_prob=1.0, speed=(0.05, 0.1), lifetime=(frames // 2, frames)
    )
    return get_preset('quickstart', num_train=train, num_val=val, **fields, **crowded)


def write(root: Path, layout: str, preset: ScenePreset | None = None) -> dict:
    """Write the small data set."""
    return SyntheticWriter(root, preset or tiny(), SEED, layout=layout).write()


@functools.cache
def _sample(preset: ScenePreset, seed: int, split: str, index: int) -> Scene:
    return sample_scene(preset, seed, split, index)


def sample(preset: ScenePreset, seed: int, split: str, index: int) -> Scene:
    """``sample_scene`` that remembers: a scene does not depend on the number of sequences."""
    return _sample(dataclasses.replace(preset, num_train=0, num_val=0), seed, split, index)


@functools.cache
def frames(split: str, index: int = 0, preset: ScenePreset | None = None) -> list[RenderedFrame]:
    """The truth, to be read only."""
    scene = sample(preset or tiny(), SEED, split, index)
    return [scene.render(time) for time in range(scene.num_frames)]


def crowd(frame: RenderedFrame) -> np.ndarray:
    """Pixels of things that nobody numbered."""
    return np.isin(frame.raw_map, THING_IDS) & (frame.instance_map == 0)


def files(root: Path) -> dict[str, bytes]:
    """Relative path -> content."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob('*') if path.is_file()}


def pixels(path: Path, mode: str) -> np.ndarray:
    """Pixels of a PNG of that Pillow mode, as int64."""
    with Image.open(path) as image:
        assert image.mode == mode, f'{path}: {image.mode}'
        return np.asarray(image).astype(np.int64)


def color_ids(path: Path) -> np.ndarray:
    """(H, W) ids R + 256 G + 65536 B."""
    return pixels(path, 'RGB') @ np.array([1, 256, 65536])


def assert_same_picture(path: Path, image: np.ndarray) -> None:
    """A PNG holds the rendered picture, a JPEG what is left of it."""
    if path.suffix == '.png':
        np.testing.assert_array_equal(pixels(path, 'RGB'), image)
    else:
        assert path.read_bytes() == jpeg_bytes(image)


def check_panoptic(ids: np.ndarray, segments: list[dict], frame: RenderedFrame, has_crowd: bool = True) -> dict:
    """Compare a map of segment ids and its segments with the truth.

    Returns:
        Segment id -> (raw class id, instance), to be compared over time.
    """
    assert sorted(segment['id'] for segment in segments) == np.unique(ids[ids > 0]).tolist()
    raw_map, instance_map = np.full(ids.shape, 255), np.zeros(ids.shape, np.int64)
    meaning = {}
    for segment in segments:
        mask = ids == segment['id']
        (instance,) = np.unique(frame.instance_map[mask])
        raw_map[mask], instance_map[mask] = segment['category_id'], instance
        assert segment['iscrowd'] == (segment['category_id'] in THING_IDS and instance == 0)
        if 'area' in segment:
            rows, columns = np.nonzero(mask)
            box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
            assert (segment['area'], segment['bbox']) == (mask.sum(), box)
        meaning[segment['id']] = (segment['category_id'], int(instance))
    assert len(set(meaning.values())) == len(meaning)
    expected = frame.raw_map if has_crowd else np.where(crowd(frame), 255, frame.raw_map)
    np.testing.assert_array_equal(raw_map, expected)
    np.testing.assert_array_equal(instance_map, frame.instance_map)
    return meaning


def check_constant(meanings: list[dict]) -> None:
    """An id means the same in all frames of a video, and everything has one id."""
    together = {key: value for meaning in meanings for key, value in meaning.items()}
    assert all(together[key] == value for meaning in meanings for key, value in meaning.items())
    assert len(set(together.values())) == len(together)
