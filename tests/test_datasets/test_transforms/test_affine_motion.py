"""Paths are smooth and bounded, and images and maps move together."""

import numpy as np
import pytest

from videoseg.datasets.transforms.affine_motion import (
    AffineMotion,
    path_matrices,
    sample_nearest,
    source_positions,
    warp_frame,
)
from videoseg.structures.ids import VOID_ID

STILL = AffineMotion(0.0, 0.0, 0.0, 0.0)


def flat_scene(size=(40, 60)):
    """An image with one colour an id, and the map; ids need all 24 bits."""
    ids = np.full(size, 3 * 65536, np.int32)
    ids[20:] = 254 * 65536 + 65535
    ids[5:17, 8:30] = 65536 + 12
    ids[25:38, 33:50] = 65536 + 3000
    image = np.stack([ids & 255, ids >> 8 & 255, ids >> 16], axis=-1).astype(np.uint8)
    return image, ids


def test_steps_are_bounded_and_change_evenly():
    motion = AffineMotion(0.1, 10.0, 0.2, 5.0)
    bounds = np.array([0.1, 0.1, np.deg2rad(10), np.deg2rad(5), np.log(1.2)])
    largest = np.zeros(5)
    for _ in range(200):
        path = motion.draw(6)
        steps = np.diff(path, axis=0)
        assert path.shape == (6, 5) and not path[0].any()
        np.testing.assert_allclose(np.diff(steps, n=2, axis=0), 0, atol=1e-12)  # constant acceleration
        largest = np.maximum(largest, np.abs(steps).max(0))
    assert (largest <= bounds + 1e-12).all() and (largest > 0.9 * bounds).all()


@pytest.mark.parametrize('frames', [1, 2, 3])
def test_short_paths(frames):
    assert AffineMotion().draw(frames).shape == (frames, 5)
    assert not STILL.draw(frames).any()


def test_matrices():
    """A quarter turn by hand, about the middle of a frame of 5 x 3 pixels, then one pixel to the right."""
    (matrix,) = path_matrices(np.array([[1 / 3, 0, np.pi / 2, 0, np.log(2)]]), (3, 5))
    np.testing.assert_allclose(matrix @ [2, 1, 1], [3, 1, 1], atol=1e-12)
    np.testing.assert_allclose(matrix @ [3, 1, 1], [3, 3, 1], atol=1e-12)  # twice as far from the middle
    (sheared,) = path_matrices(np.array([[0, 0, 0, np.pi / 4, 0]]), (3, 3))
    np.testing.assert_allclose(sheared @ [1, 2, 1], [2, 2, 1], atol=1e-12)


def test_identity_gives_equal_copies():
    image, ids = flat_scene()
    moved, moved_ids = warp_frame(image, ids, np.eye(3), (0, 0, 0))
    assert np.array_equal(moved, image) and np.array_equal(moved_ids, ids)
    moved[:], moved_ids[:] = 0, 0
    assert image.any() and ids.any()


def test_whole_pixels_are_exact():
    image, ids = flat_scene()
    (matrix,) = path_matrices(np.array([[7 / 40, -3 / 40, 0, 0, 0]]), ids.shape)
    moved, moved_ids = warp_frame(image, ids, matrix, (9.4, 8, 7))
    assert np.array_equal(moved[:-3, 7:], image[3:, :-7]) and np.array_equal(moved_ids[:-3, 7:], ids[3:, :-7])
    left = np.ones(ids.shape, bool)
    left[:-3, 7:] = False
    assert (moved_ids[left] == VOID_ID).all() and (moved[left] == (9, 8, 7)).all()
    assert moved.dtype == np.uint8 and moved_ids.dtype == np.int32


def test_half_a_pixel_is_the_mean_of_two():
    image, ids = flat_scene()
    (matrix,) = path_matrices(np.array([[0.5 / 40, 0, 0, 0, 0]]), ids.shape)
    moved, moved_ids = warp_frame(image, ids, matrix, (0, 0, 0))
    mean = (image[:, 1:].astype(int) + image[:, :-1] + 1) // 2
    assert np.abs(moved[:, 1:].astype(int) - mean).max() <= 1
    assert set(np.unique(moved_ids)) <= {*np.unique(ids), VOID_ID}


def test_half_a_turn_is_exact():
    image, ids = flat_scene()
    (matrix,) = path_matrices(np.array([[0, 0, np.pi, 0, 0]]), ids.shape)
    moved, moved_ids = warp_frame(image, ids, matrix, (0, 0, 0))
    assert np.array_equal(moved, image[::-1, ::-1]) and np.array_equal(moved_ids, ids[::-1, ::-1])


@pytest.mark.parametrize('seed', range(8))
def test_maps_follow_their_images(seed):
    """Wherever a warped pixel has an unmixed colour it is that of its id."""
    np.random.seed(seed)
    image, ids = flat_scene((120, 180))
    colours = {i: tuple(image[ids == i][0].tolist()) for i in np.unique(ids).tolist()} | {VOID_ID: (1, 2, 3)}
    for matrix in path_matrices(AffineMotion(0.2, 25.0, 0.3, 10.0).draw(4), ids.shape):
        moved, moved_ids = warp_frame(image, ids, matrix, (1, 2, 3))
        assert set(np.unique(moved_ids).tolist()) <= set(colours)
        expected = np.zeros_like(image)
        pure = np.zeros(ids.shape, bool)
        for number, colour in colours.items():
            expected[moved_ids == number] = colour
            pure |= (moved == colour).all(-1)
        assert pure.mean() > 0.85
        assert np.array_equal(moved[pure], expected[pure])


def test_floats_stay_floats():
    image, ids = flat_scene()
    (_, matrix) = path_matrices(AffineMotion().draw(2), ids.shape)
    moved, _ = warp_frame(image.astype(np.float32) * 1.7, ids, matrix, (1.5, 2, 3))
    assert moved.dtype == np.float32 and moved.max() > 255


def test_windows_are_parts_of_the_frame():
    _, matrix = path_matrices(AffineMotion().draw(2), (40, 60))
    x, y = source_positions(matrix, range(40), range(60))
    part = source_positions(matrix, range(5, 9), range(50, 60))
    assert np.array_equal(part[0], x[5:9, 50:60]) and np.array_equal(part[1], y[5:9, 50:60])


def test_nearest():
    values = np.arange(6, dtype=np.int32).reshape(2, 3)
    x, y = np.array([[-0.51, -0.5, 0.49, 2.49, 2.5]]), np.array([[0.0, 0.49, 1.49, 1.0, 0.0]])
    assert sample_nearest(values, x, y, -1).tolist() == [[-1, 0, 3, 5, -1]]


def test_bad_bounds():
    with pytest.raises(ValueError, match='max_scale must not be negative'):
        AffineMotion(max_scale=-0.1)
    with pytest.raises(ValueError, match='below 90'):
        AffineMotion(max_rotation=120)
    with pytest.raises(ValueError, match='must not be negative, got nan'):
        AffineMotion(max_translation=float('nan'))
