"""Similarity, matching and the table of tracks, on numbers worked out by hand."""

import math

import pytest
import torch

from videoseg.models.trackers.association import (
    embedding_similarity,
    enter_tracks,
    fresh_tracks,
    keep_tracks,
    match_greedily,
    match_optimally,
    no_rows,
)


def test_similarities():
    embeddings, memory = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0]])
    torch.testing.assert_close(embedding_similarity(embeddings, memory, 'cosine'), torch.tensor([[1.0], [0.0]]))
    torch.testing.assert_close(embedding_similarity(embeddings, memory, 'softmax'), torch.ones(2, 1))
    first = math.exp(2) / (math.exp(2) + 1)
    expected = torch.tensor([[(1 + first) / 2], [(2 - first) / 2]])
    torch.testing.assert_close(embedding_similarity(embeddings, memory, 'bisoftmax'), expected)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        inside = embedding_similarity(embeddings, memory + 0.001, 'bisoftmax')
    assert inside.dtype == torch.float32
    assert torch.equal(inside, embedding_similarity(embeddings, memory + 0.001, 'bisoftmax'))


VALUES = torch.tensor([[0.9, 0.6, 0.1], [0.95, 0.55, 0.2], [0.3, 0.2, 0.8]])


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        (dict(), [0, 1, 2]),  # the first row goes first, though the second resembles column 0 more
        (dict(takes=torch.tensor([False, True, True])), [0, 0, 2]),
        (dict(num_tracks=2), [0, 1, -1]),
        (dict(threshold=0.6), [0, -1, 2]),
    ],
)
def test_greedy_matching(options, expected):
    before = VALUES.clone()
    columns, best = match_greedily(VALUES, **{'threshold': 0.5, **options})
    assert columns.tolist() == expected
    assert best[0] == VALUES[0, 0] and best[2] == VALUES[2, 2]
    assert torch.equal(VALUES, before)


def test_greedy_matching_of_nothing():
    for shape in ((0, 3), (2, 0)):
        columns, best = match_greedily(torch.zeros(shape), 0.5)
        assert columns.tolist() == [-1] * shape[0] and len(best) == shape[0]


def test_optimal_matching():
    rows, columns = match_optimally(VALUES[:2, :2], 0.5)
    assert dict(zip(rows.tolist(), columns.tolist(), strict=True)) == {0: 1, 1: 0}  # 0.6 + 0.95 beats 0.9 + 0.55
    rows, columns = match_optimally(VALUES[:2, :2], 0.7)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [(1, 0)]
    rows, columns = match_optimally(torch.zeros(2, 2), 0.0)
    assert not len(rows) and not len(columns)


def test_a_fresh_table_takes_what_is_seen():
    fresh = fresh_tracks(embeddings=torch.zeros(0, 2), labels=no_rows())
    assert int(fresh['num_tracks']) == 0
    assert {name: tuple(column.shape) for name, column in fresh.items()} == dict(
        num_tracks=(), track_ids=(0,), track_last_frames=(0,), track_embeddings=(0, 2), track_labels=(0,)
    )
    seen = dict(embeddings=torch.ones(1, 2), labels=torch.tensor([3]), last_frames=torch.tensor([8]))
    new = enter_tracks(fresh, torch.tensor([5]), seen)
    assert new['track_ids'].tolist() == [5] and new['track_last_frames'].tolist() == [8]
    assert new['track_ids'].dtype == new['track_labels'].dtype == torch.long


def test_table_of_tracks():
    state = dict(
        num_tracks=torch.tensor(7),
        track_ids=torch.tensor([4, 6]),
        track_embeddings=torch.tensor([[1.0, 0.0], [0.0, 2.0]]),
        track_labels=torch.tensor([0, 1]),
    )
    before = {name: value.clone() for name, value in state.items()}
    seen = dict(embeddings=torch.tensor([[5.0, 5.0], [0.0, 4.0]]), labels=torch.tensor([2, 3]))
    new = enter_tracks(state, torch.tensor([9, 6]), seen, momentum=0.25)
    assert new['track_ids'].tolist() == [4, 6, 9]
    assert new['track_embeddings'].tolist() == [[1.0, 0.0], [0.0, 2.5], [5.0, 5.0]]
    assert new['track_labels'].tolist() == [0, 3, 2]
    assert all(torch.equal(state[name], before[name]) for name in before)
    kept = keep_tracks(new, torch.tensor([False, True, True]))
    assert kept['track_ids'].tolist() == [6, 9] and kept['track_labels'].tolist() == [3, 2]
    assert int(kept['num_tracks']) == 7
