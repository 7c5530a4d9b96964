"""The renderer: the truth is what was drawn."""

import numpy as np
import pytest

from videoseg.datasets.synthetic.background import Background
from videoseg.datasets.synthetic.camera import Camera
from videoseg.datasets.synthetic.objects import Appearance
from videoseg.datasets.synthetic.presets import RAW_ID, VOID, get_preset
from videoseg.datasets.synthetic.sampling import sample_scene
from videoseg.datasets.synthetic.scene import Scene, SceneItem
from videoseg.datasets.synthetic.sprite import Sprite

SIZE = (80, 120)


def flat_disc(color):
    appearance = Appearance('disc', np.zeros((2, 3), np.float32), 1.0, 0.0, 0.0, 5)
    alpha = appearance.sprite().levels[0][1]
    return Sprite(np.broadcast_to(np.uint8(color), (*alpha.shape, 3)).copy(), alpha)


def item(color, raw_id, instance, depth, center, radius=20.0):
    """A resting disc; its drawn radius is 0.9 of ``radius``."""
    world = np.array(center, float) - [(SIZE[1] - 1) / 2, (SIZE[0] - 1) / 2]
    return SceneItem(flat_disc(color), raw_id, instance, depth, world[None], np.full(1, radius), np.zeros(1))


def flat_scene(items, band=None):
    camera = Camera(np.random.default_rng(0), SIZE, 0, 0, 0)
    background = Background(np.full((*SIZE, 3), 10, np.uint8), np.full(SIZE, RAW_ID['wall'], np.uint8))
    return Scene(SIZE, 1, camera, background, items, band, np.ones(1), 0.0, 0)


def distance_to(x, y):
    rows, cols = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.hypot(cols - x, rows - y)


def test_truth_follows_geometry_and_depth():
    scene = flat_scene(
        [
            item((200, 0, 0), RAW_ID['disc'], 1, 5.0, (40, 40)),
            item((0, 200, 0), RAW_ID['crate'], 2, 1.0, (55, 40)),
            item((0, 0, 200), RAW_ID['star'], 0, 9.0, (100, 40), 15.0),
        ]
    )
    frame = scene.render(0)
    back, front = distance_to(40, 40), distance_to(55, 40)
    assert (frame.instance_map[front < 17] == 2).all()
    assert (frame.instance_map[(back < 17) & (front > 19)] == 1).all()
    assert (frame.instance_map[(back > 19) & (front > 19)] == 0).all()
    crowd = distance_to(100, 40) < 12.5
    assert (frame.raw_map[crowd] == RAW_ID['star']).all()
    assert (frame.instance_map[crowd] == 0).all()
    assert frame.raw_map[0, 0] == RAW_ID['wall']
    area = np.pi * 18**2
    np.testing.assert_allclose(frame.amodal_area, area, rtol=0.02)
    np.testing.assert_allclose(frame.full_area, area, rtol=0.02)
    assert frame.visible_area[1] == frame.amodal_area[1]
    half = 7.5
    lens = 2 * 18**2 * np.arccos(half / 18) - 2 * half * np.sqrt(18**2 - half**2)
    np.testing.assert_allclose(frame.visible_area[0], area - lens, rtol=0.03)


def test_picture_shows_what_the_map_says():
    colors = {1: (200, 0, 0), 2: (0, 200, 0)}
    scene = flat_scene(
        [
            item(colors[1], RAW_ID['disc'], 1, 5.0, (40, 40)),
            item(colors[2], RAW_ID['disc'], 2, 1.0, (55.3, 44.6)),
        ]
    )
    frame = scene.render(0)
    palette = np.array([(10, 10, 10), colors[1], colors[2]])
    nearest = ((frame.image[:, :, None].astype(int) - palette) ** 2).sum(-1).argmin(-1)
    pure = (np.abs(frame.image[:, :, None].astype(int) - palette).max(-1) <= 1).any(-1)
    assert (nearest == frame.instance_map)[pure].all()
    assert pure.mean() > 0.95
    assert (nearest == frame.instance_map).mean() > 0.995


def test_band_and_border_cut_the_visible_area_only():
    band = np.zeros(SIZE, bool)
    band[60:] = True
    scene = flat_scene([item((200, 0, 0), RAW_ID['disc'], 1, 1.0, (0, 60))], band)
    frame = scene.render(0)
    assert (frame.raw_map[60:] == VOID).all()
    assert (frame.instance_map[60:] == 0).all()
    area = np.pi * 18**2
    np.testing.assert_allclose(frame.full_area, area, rtol=0.02)
    np.testing.assert_allclose(frame.amodal_area, area / 2, rtol=0.06)
    np.testing.assert_allclose(frame.visible_area, area / 4, rtol=0.1)


def test_object_outside_of_the_frame():
    frame = flat_scene([item((200, 0, 0), RAW_ID['disc'], 1, 1.0, (-60, 40))]).render(0)
    assert (frame.visible_area[0], frame.amodal_area[0]) == (0, 0)
    assert frame.full_area[0] > 900


def test_bad_ids_and_frames_are_refused():
    with pytest.raises(ValueError, match='1..N'):
        flat_scene([item((0, 0, 0), 3, 2, 1.0, (5, 5))])
    with pytest.raises(ValueError, match='1..N'):
        flat_scene([item((0, 0, 0), 3, 1, 1.0, (5, 5)), item((0, 0, 0), 3, 1, 1.0, (5, 5))])
    scene = flat_scene([])
    for call in (scene.render, scene.areas, scene.amodal_masks):
        with pytest.raises(IndexError, match='frame 1 .* of 1 frames'):
            call(1)


@pytest.mark.parametrize('name', ['quickstart', 'occlusion'])
def test_map_of_a_sampled_scene_is_the_drawn_masks(name):
    scene = sample_scene(get_preset(name, size=(96, 192)), 3, 'val', 1)
    depth = {i.instance: i.depth for i in scene.items if i.instance}
    for time in range(0, scene.num_frames, 5):
        frame = scene.render(time)
        masks = scene.amodal_masks(time)
        np.testing.assert_array_equal(masks.sum(axis=(1, 2)), frame.amodal_area)
        counts = np.bincount(frame.instance_map.ravel(), minlength=scene.num_objects + 1)[1:]
        np.testing.assert_array_equal(counts, frame.visible_area)
        for column, again in zip(
            (frame.visible_area, frame.amodal_area, frame.full_area), scene.areas(time), strict=True
        ):
            np.testing.assert_array_equal(column, again)
        nearest = np.zeros(frame.instance_map.shape, int)
        for instance in sorted(depth, key=depth.get, reverse=True):
            nearest[masks[instance - 1]] = instance
        owned = frame.instance_map > 0
        np.testing.assert_array_equal(frame.instance_map[owned], nearest[owned])
        raw_ids = scene.object_raw_ids
        np.testing.assert_array_equal(frame.raw_map[owned], raw_ids[frame.instance_map[owned] - 1])
        hidden_by_scenery = frame.raw_map[(nearest > 0) & ~owned]
        assert set(np.unique(hidden_by_scenery)) <= {0, 1, 2, VOID}
