"""Segments of a window as a panoptic map."""

import pytest
import torch

from videoseg.structures import ClipSegments
from videoseg.structures.ids import DIVISOR, MAX_INSTANCE, VOID_ID


def segments(track_ids):
    labels = torch.tensor([4, 2])
    ids = None if track_ids is None else torch.tensor(track_ids)
    return ClipSegments(
        labels, labels / 5, labels < 3, labels, segment_map=torch.tensor([[[0, 1, 2]]]).int(), track_ids=ids
    )


@pytest.mark.parametrize(
    ('track_ids', 'ids'), [(None, (0, 0)), ([0, 7], (0, 7)), ([0, MAX_INSTANCE], (0, MAX_INSTANCE))]
)
def test_codes_of_segments_and_void(track_ids, ids):
    expected = [VOID_ID, 4 * DIVISOR + ids[0], 2 * DIVISOR + ids[1]]
    assert segments(track_ids).panoptic_map(VOID_ID, DIVISOR).tolist() == [[expected]]


def test_an_id_that_would_change_the_label_is_refused():
    with pytest.raises(ValueError, match='track id 65536 does not fit'):
        segments([0, DIVISOR]).panoptic_map(VOID_ID, DIVISOR)
    overlapping = segments([0, 1])
    overlapping.segment_map = None
    with pytest.raises(ValueError, match='overlap'):
        overlapping.panoptic_map(VOID_ID, DIVISOR)
