"""Colours of tracks and classes."""

import cv2
import numpy as np
import pytest

from videoseg.visualization import class_colors, track_colors
from videoseg.visualization.palette import NUM_TRACK_COLORS


def lab_distances(colors):
    lab = cv2.cvtColor(colors[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    return np.linalg.norm(lab[:, None] - lab[None], axis=-1)


def test_a_colour_depends_on_the_id_only():
    together = track_colors([3, 1, 2, 7])
    for row, track in enumerate([3, 1, 2, 7]):
        assert (track_colors([track])[0] == together[row]).all()
    assert (track_colors([5]) == track_colors([5 + NUM_TRACK_COLORS])).all()
    # pinned: saved pictures of different versions can be compared
    assert track_colors([1, 2]).tolist() == [[255, 127, 0], [127, 0, 255]]


def test_neighbouring_ids_differ_clearly():
    distances = lab_distances(track_colors(np.arange(1, 2 * NUM_TRACK_COLORS + 1)))
    assert np.diagonal(distances, 1).min() > 40
    assert all(np.diagonal(distances, step).min() > 20 for step in range(1, NUM_TRACK_COLORS))
    few = distances[:12, :12]
    assert few[~np.eye(12, dtype=bool)].min() > 40


def test_class_colours_come_from_the_palette():
    assert class_colors(2, [(1, 2, 3), (255, 0, 9)]).tolist() == [[1, 2, 3], [255, 0, 9]]
    made = class_colors(5)
    assert made.shape == (5, 3) and len(np.unique(made, axis=0)) == 5


@pytest.mark.parametrize('palette', [[(1, 2, 3)], [(1, 2), (3, 4)], [(0, 0, 256), (0, 0, 0)], [(0, 0, -1), (0, 0, 0)]])
def test_wrong_palette_is_named(palette):
    with pytest.raises(ValueError, match="'palette' must hold 2 RGB"):
        class_colors(2, palette)
