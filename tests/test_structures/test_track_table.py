"""The running table of tracks, and what it says at the end."""

import pytest
import torch

from videoseg.structures import ClipSegments
from videoseg.structures.track_table import finish_tracks, update_track_table


def window(ids, labels, scores):
    ids, labels = torch.tensor(ids), torch.tensor(labels)
    return ClipSegments(labels, torch.tensor(scores), ids > 0, torch.arange(len(ids)), track_ids=ids)


def test_most_frequent_label_and_mean_score():
    """Two windows of three and one frames: track 5 is taken for class 1 longer, track 2 leaves, 0 is nobody."""
    first = update_track_table({}, window([5, 2, 0], [1, 0, 3], [0.6, 0.5, 0.9]), [4, 5, 6])
    before = {name: column.clone() for name, column in first.items()}
    table = update_track_table(first, window([5], [0], [1.0]), [7])
    assert all(torch.equal(first[name], column) for name, column in before.items())
    assert sorted(zip(table['ids'].tolist(), table['labels'].tolist(), strict=True)) == [(2, 0), (5, 0), (5, 1)]
    tracks = finish_tracks(table)
    assert tracks['ids'].tolist() == [2, 5] and tracks['labels'].tolist() == [0, 1]
    assert tracks['scores'].tolist() == pytest.approx([0.5, (3 * 0.6 + 1.0) / 4])
    assert tracks['num_frames'].tolist() == [3, 4]
    assert tracks['first_frame'].tolist() == [4, 4] and tracks['last_frame'].tolist() == [6, 7]


def test_rows_are_tracks_not_frames():
    table = {}
    for frame in range(50):
        table = update_track_table(table, window([1, 3], [0, 1], [0.5, 0.7]), [frame])
    assert len(table['ids']) == 2 and finish_tracks(table)['num_frames'].tolist() == [50, 50]


@pytest.mark.parametrize('seen', [False, True])
def test_videos_without_tracks(seen):
    table = update_track_table({}, window([0], [2], [0.5]), [0]) if seen else {}
    tracks = finish_tracks(table)
    columns = ['first_frame', 'ids', 'labels', 'last_frame', 'num_frames', 'scores']
    assert sorted(tracks) == columns and all(len(column) == 0 for column in tracks.values())
    assert tracks['ids'].dtype == torch.long and tracks['scores'].dtype == torch.float
