"""Pictures next to each other."""

import numpy as np
import pytest

from videoseg.visualization import side_by_side


def test_panels_keep_their_pixels():
    panels = [np.full((20, 30, 3), value, np.uint8) for value in (50, 100, 200)]
    joined = side_by_side(panels, gap=2)
    assert joined.shape == (20, 94, 3)
    for index, panel in enumerate(panels):
        assert (joined[:, index * 32 : index * 32 + 30] == panel).all()


def test_rows_and_captions():
    panels = [np.full((20, 60, 3), value, np.uint8) for value in (50, 100, 200)]
    joined = side_by_side(panels, ['image', 'prediction', 'a caption far too long for such a narrow panel'], columns=2)
    head = (joined.shape[0] - 4) // 2 - 20
    assert head > 10 and joined.shape == (2 * (20 + head) + 4, 124, 3)
    assert (joined[head : head + 20, 64:] == 100).all() and (joined[-20:, :60] == 200).all()
    assert joined[:head, :60].max() > 150, 'the caption is written'
    assert (joined[-20:, 64:] == joined[-1, -1]).all(), 'the last cell of the grid stays empty'


def test_wrong_panels_are_named():
    with pytest.raises(ValueError, match='no panel'):
        side_by_side([])
    with pytest.raises(ValueError, match=r'\(4, 4, 3\), \(4, 5, 3\)'):
        side_by_side([np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)])
    with pytest.raises(ValueError, match='1 panels need as many captions, got 2'):
        side_by_side([np.zeros((4, 4, 3), np.uint8)], ['a', 'b'])
