"""Paths and the camera."""

import numpy as np
import pytest

from videoseg.datasets.synthetic.camera import Camera
from videoseg.datasets.synthetic.motion import Path, add_meetings, sample_paths
from videoseg.datasets.synthetic.presets import get_preset


def test_path_goes_through_its_knots_and_stays_put_beyond_them():
    knots = {0.0: np.array([0.0, 5.0]), 4.0: np.array([8.0, 1.0]), 9.0: np.array([3.0, 3.0])}
    path = Path(0.0, 9.0, 5.0, 0, knots)
    np.testing.assert_allclose(path.positions(np.array(list(knots))), list(knots.values()))
    np.testing.assert_allclose(path.positions(np.array([-3.0, 20.0])), [knots[0.0], knots[9.0]])


def test_path_on_a_line_has_constant_speed():
    path = Path(0.0, 9.0, 5.0, 0, {t: np.array([2 * t, -t]) for t in (0.0, 3.0, 5.0)})
    np.testing.assert_allclose(np.diff(path.positions(np.arange(6.0)), axis=0), [[2, -1]] * 5)


def test_force_leads_the_path_through_the_points_and_keeps_its_ends():
    path = Path(0.0, 10.0, 5.0, 0, {float(t): np.array([t, 0.0]) for t in range(11)})
    path.force((5.0,), [np.array([5.0, 9.0])], clearance=20)
    assert sorted(path.knots) == [0.0, 5.0, 10.0]
    np.testing.assert_allclose(path.at(5.0), [5, 9])


def make_camera():
    return Camera(np.random.default_rng(1), (100, 200), pan=20, zoom=0.2, roll=6)


@pytest.mark.parametrize('time', [0, 7.5, 31])
def test_camera_inverse(time):
    camera = make_camera()
    matrix = camera.matrix(time)
    world = camera.to_world(np.array([30.0, 40.0]), time)
    np.testing.assert_allclose(matrix[:, :2] @ world + matrix[:, 2], [30, 40])


def test_camera_moves_and_never_sees_past_its_reach():
    camera = make_camera()
    corners = [(0, 0), (199, 0), (0, 99), (199, 99)]
    world = np.array([[camera.to_world(np.array(c, float), t) for c in corners] for t in range(200)])
    height, width = camera.reach()
    assert np.abs(world[..., 0]).max() < width / 2
    assert np.abs(world[..., 1]).max() < height / 2
    zooms = [camera.pose(t)[1] for t in range(200)]
    assert max(zooms) / min(zooms) > 1.2
    assert np.ptp(world.mean(axis=1), axis=0).min() > 10


def test_meetings_bring_objects_together():
    preset = get_preset('occlusion', meet_hold=0.0, meet_prob=1.0)

    def closest(meet):
        rng = np.random.default_rng(4)
        camera = Camera(rng, preset.size, 0, 0, 0)
        paths = sample_paths(rng, preset, 24, camera, [])
        if meet:
            add_meetings(rng, paths, [], preset, 24, camera)
        places = np.stack([p.positions(np.arange(24.0)) for p in paths])
        gaps = np.linalg.norm(places[:, None] - places[None], axis=-1)
        return (gaps < 8).any(axis=-1).sum() - len(paths)

    assert closest(True) >= closest(False) + 4
