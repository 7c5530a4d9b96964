"""Occlusion statistics on hand-made areas."""

import numpy as np

from videoseg.datasets.synthetic import TrackStatistics


def test_hand_made_case():
    full = np.full((4, 4), 100.0)
    full[3, 0] = 225.0
    amodal = np.array([[100, 100, 0, 40], [100, 100, 50, 40], [100, 100, 100, 40], [225, 0, 100, 0]])
    visible = np.array([[100, 31, 0, 0], [30, 31, 50, 10], [80, 31, 100, 40], [225, 0, 0, 0]])
    statistics = TrackStatistics.from_areas(zip(visible, amodal, full, strict=True))
    # 0: 70 % hidden once and back; 1: 69 % hidden at most; 2: enters, hidden at the end; 3: mostly outside
    np.testing.assert_array_equal(statistics.hidden_tracks, [True, False, True, False])
    np.testing.assert_array_equal(statistics.reappearing_tracks, [True, False, False, False])
    np.testing.assert_array_equal(statistics.entering, [False, False, True, False])
    np.testing.assert_array_equal(statistics.leaving, [False, True, False, True])
    np.testing.assert_array_equal(statistics.things_per_frame(), [2, 4, 4, 1])
    np.testing.assert_array_equal(statistics.things_per_frame(35), [1, 1, 3, 1])
    np.testing.assert_allclose(statistics.scale_change, [1.5, 1, 1, 1])


def test_objects_that_are_never_seen_are_no_tracks():
    statistics = TrackStatistics(np.zeros((2, 1)), np.full((2, 1), 50), np.full((2, 1), 50.0))
    assert not statistics.tracks.any()
    assert not statistics.hidden_tracks.any()
