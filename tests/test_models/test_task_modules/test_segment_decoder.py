"""Maps to segments: majority vote, minimum size, conventions, scores."""

import pytest
import torch

from videoseg.models.task_modules import SegmentDecoder
from videoseg.registry import TASK_UTILS

VOID = 255


def decode(labels, ids, num_things=2, confidence=None, **kwargs):
    kwargs = {'min_pixels': 0, **kwargs}
    decoder = TASK_UTILS.build(dict(type='SegmentDecoder', **kwargs))
    confidence = None if confidence is None else torch.tensor(confidence)[None, None]
    return decoder(torch.tensor(labels)[None, None], torch.tensor(ids)[None, None], num_things, confidence)


def rows(found):
    return list(zip(found.labels.tolist(), found.ids.tolist(), strict=True))


def test_segments_by_label_and_identity():
    found = decode([VOID, 1, 1, 0, 3, 3], [0, 9, 4, 7, 0, 0])
    assert rows(found) == [(0, 7), (1, 4), (1, 9), (3, 0)]
    assert found.segment_map[0, 0].tolist() == [0, 3, 2, 1, 4, 4] and found.segment_map.dtype == torch.int32
    assert found.label_map()[0, 0].tolist() == [VOID, 1, 1, 0, 3, 3]
    assert found.id_map()[0, 0].tolist() == [0, 9, 4, 7, 0, 0]


def test_majority_vote_gives_an_identity_one_class():
    labels, ids = [0, 1, 1, 1, 0, 0], [5, 5, 5, 5, 6, 6]
    voted = decode(labels, ids, majority_vote=True)
    assert rows(voted) == [(0, 6), (1, 5)]
    assert voted.label_map()[0, 0].tolist() == [1, 1, 1, 1, 0, 0]


def test_by_default_images_vote_and_videos_do_not():
    labels, ids = [0, 1, 1, 1, 0, 0], [5, 5, 5, 5, 6, 6]
    assert rows(decode(labels, ids)) == rows(decode(labels, ids, majority_vote=False)) == [(0, 5), (0, 6), (1, 5)]
    assert rows(decode(labels, ids, identities='segments')) == [(0, 6), (1, 5)]
    assert rows(decode(labels, ids, identities='segments', majority_vote=False)) == [(0, 5), (0, 6), (1, 5)]


def test_the_lower_label_wins_a_tie():
    assert rows(decode([1, 0, 0, 1], [3, 3, 3, 3], majority_vote=True)) == [(0, 3)]


def test_things_alone_take_part_where_only_things_have_identities():
    """Stuff and void pixels with the identity of a thing are not counted, and lose it."""
    labels, ids = [3, 3, 3, VOID, VOID, 1], [5, 5, 5, 5, 5, 5]
    found = decode(labels, ids)
    assert rows(found) == [(1, 5), (3, 0)]
    assert found.label_map()[0, 0].tolist() == labels and found.id_map()[0, 0].tolist() == [0, 0, 0, 0, 0, 5]


def test_every_segment_takes_part_in_the_image_convention():
    """Stuff wins its pixels back by the vote, all stuff of a class is one segment, void wins too."""
    labels = [3, 3, 1, 3, 3, 0, 0, VOID, VOID, 1]
    ids = [5, 5, 5, 6, 6, 7, 7, 8, 8, 8]
    found = decode(labels, ids, identities='segments')
    assert rows(found) == [(0, 7), (3, 0)]
    assert found.label_map()[0, 0].tolist() == [3, 3, 3, 3, 3, 0, 0, VOID, VOID, VOID]


def test_small_identities_become_void():
    labels, ids = [0] * 39 + [1] * 40 + [3] * 2, [1] * 39 + [2] * 40 + [0] * 2
    found = TASK_UTILS.build(dict(type='SegmentDecoder'))(
        torch.tensor(labels)[None, None], torch.tensor(ids)[None, None], 2
    )
    assert rows(found) == [(1, 2), (3, 0)]
    assert found.label_map()[0, 0].tolist() == [VOID] * 39 + [1] * 40 + [3] * 2
    assert rows(decode(labels, ids)) == [(0, 1), (1, 2), (3, 0)]


def test_pixels_are_counted_over_the_window():
    """Three frames: one class and one size for the whole tube."""
    labels, ids = torch.tensor([[[0, 1]], [[1, 3]], [[1, 3]]]), torch.tensor([[[4, 4]], [[4, 0]], [[4, 0]]])
    found = SegmentDecoder(min_pixels=4, majority_vote=True)(labels, ids, 2)
    assert rows(found) == [(1, 4), (3, 0)]
    assert found.segment_map.tolist() == [[[1, 1]], [[1, 2]], [[1, 2]]]
    assert rows(SegmentDecoder(min_pixels=5, majority_vote=True)(labels, ids, 2)) == [(3, 0)]
    assert rows(SegmentDecoder(min_pixels=2)(labels, ids, 2)) == [(1, 4), (3, 0)]  # two frames of class 1, one of 0


def test_things_without_identity_keep_their_class():
    found = decode([0, 0, 1], [0, 3, 3], min_pixels=2, majority_vote=True)
    assert rows(found) == [(0, 0), (0, 3)]
    assert rows(decode([0, 0, 1], [0, 3, 3], min_pixels=2)) == [(0, 0)]


def test_scores_are_means_over_pixels():
    found = decode([VOID, 0, 0, 1, 3], [0, 2, 2, 1, 0], confidence=[0.9, 0.5, 0.7, 1.0, 0.25])
    assert found.scores.tolist() == pytest.approx([0.6, 1.0, 0.25]) and found.scores.dtype == torch.float32
    assert decode([0, 3], [1, 0]).scores.tolist() == [1, 1]


def test_all_void_and_all_one():
    assert len(decode([VOID, VOID], [0, 3]).labels) == 0
    assert decode([VOID, VOID], [0, 3]).segment_map.tolist() == [[[0, 0]]]
    assert decode([1, 1], [3, 3]).segment_map.tolist() == [[[1, 1]]]


def test_track_ids_may_be_large():
    found = decode([0, 1], [2**40, 2**40 + 1])
    assert rows(found) == [(0, 2**40), (1, 2**40 + 1)]


@pytest.mark.parametrize('vote', [True, False])
def test_against_a_loop_over_instances(vote):
    labels, ids = torch.randint(0, 4, (2, 9, 11)), torch.randint(0, 6, (2, 9, 11))
    expected_labels, expected_ids = labels.clone(), torch.where(labels < 2, ids, 0)
    for value in range(1, 6):
        mask = expected_ids == value
        if vote:
            expected_labels[mask] = labels[mask].bincount(minlength=4).argmax()
        for label in range(2):
            segment = mask & (expected_labels == label)
            if int(segment.sum()) < 18:
                expected_labels[segment], expected_ids[segment] = VOID, 0
    found = SegmentDecoder(min_pixels=18, majority_vote=vote)(labels, ids, 2)
    assert torch.equal(found.label_map(), expected_labels) and torch.equal(found.id_map(), expected_ids)
    assert bool((expected_labels == VOID).any()) and len(found.labels) > 3


def test_bad_arguments():
    with pytest.raises(ValueError, match="'things' or 'segments'"):
        SegmentDecoder(identities='all')
    with pytest.raises(ValueError, match='min_pixels'):
        SegmentDecoder(min_pixels=-1)
