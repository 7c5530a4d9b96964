"""Cutting videos into windows."""

import pytest
import torch

from tests.parity_data import parity_file, parity_names
from videoseg.structures.windows import WINDOW_POLICIES, check_windows, cut_windows


@pytest.mark.parametrize('name', parity_names('tube_link', ['vis_windows.pt']))
def test_recorded_tube_ends(name):
    recorded = torch.load(parity_file('tube_link', name), weights_only=True)['tube_ends']
    assert len(recorded) == 470
    for (frames, window, overlap), ends in recorded.items():
        assert [stop for _, stop, _ in cut_windows(frames, window, overlap, 'balanced')] == ends


@pytest.mark.parametrize('policy', WINDOW_POLICIES)
def test_every_frame_once_and_in_order(policy):
    for frames in range(1, 14):
        for window in range(1, 7):
            for overlap in range(window):
                cuts = list(cut_windows(frames, window, overlap, policy))
                assert [t for start, stop, shared in cuts for t in range(start + shared, stop)] == list(range(frames))
                assert all(0 <= shared < stop - start <= window for start, stop, shared in cuts)
                assert len(cuts) == max(-(-(frames - overlap) // (window - overlap)), 1)


def test_policies_differ_where_frames_are_missing():
    sizes = {x: [stop - start for start, stop, _ in cut_windows(10, 4, 0, x)] for x in WINDOW_POLICIES}
    assert sizes == dict(full=[4, 4, 2], balanced=[4, 3, 3])
    # more frames missing than windows: the last one takes it all
    assert [stop for _, stop, _ in cut_windows(5, 4, 0, 'balanced')] == [4, 5]


@pytest.mark.parametrize(
    ('args', 'message'),
    [((0, 0, 'full'), 'at least 1'), ((3, 3, 'full'), 'overlap must be in'), ((3, 1, 'even'), 'policy must be one of')],
)
def test_impossible_windows_are_refused(args, message):
    with pytest.raises(ValueError, match=f'here: .*{message}'):
        check_windows(*args, 'here')
