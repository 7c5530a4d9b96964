"""One row a track: what is known of it when its masks have long been handed out."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .clip_segments import ClipSegments
from .video_state import StateDict

_COLUMNS = ('ids', 'labels', 'score_sum', 'num_frames', 'first_frame', 'last_frame')


def update_track_table(table: StateDict, segments: ClipSegments, frame_ids: Sequence[int]) -> StateDict:
    """Enter the tracked segments of a window.

    A row stands for one (track, label) pair, so that a track that was taken for two classes keeps both counts.

    Args:
        table: Columns ``ids, labels, num_frames, first_frame, last_frame`` (int64) and ``score_sum`` (float), or empty.
        segments: Segments with ``track_ids``.
        frame_ids: Numbers of the window's new frames.

    Returns:
        A new table; the old one is not changed.
    """
    tracked = segments.track_ids > 0
    ids, labels = segments.track_ids[tracked].cpu(), segments.labels[tracked].cpu()
    scores = segments.scores[tracked].float().cpu() * len(frame_ids)
    counts = torch.full_like(ids, len(frame_ids))
    new = dict(
        ids=ids,
        labels=labels,
        score_sum=scores,
        num_frames=counts,
        first_frame=torch.full_like(ids, frame_ids[0]),
        last_frame=torch.full_like(ids, frame_ids[-1]),
    )
    if not table:
        table = {name: column[:0] for name, column in new.items()}
    joined = {name: torch.cat([table[name], new[name]]) for name in _COLUMNS}
    pairs = torch.stack([joined['ids'], joined['labels']], dim=1)
    unique, rows = pairs.unique(dim=0, return_inverse=True)
    out = dict(ids=unique[:, 0], labels=unique[:, 1])
    for name, reduce in dict(score_sum='sum', num_frames='sum', first_frame='amin', last_frame='amax').items():
        column = joined[name]
        out[name] = torch.zeros(len(unique), dtype=column.dtype).scatter_reduce(
            0, rows, column, reduce, include_self=False
        )
    return out


def finish_tracks(table: StateDict) -> dict[str, Tensor]:
    """Final rows: the label seen in most frames, the mean score, and where the track lived.

    Returns:
        ``ids, labels, scores, num_frames, first_frame, last_frame``, ascending ids.
    """
    if not table or len(table['ids']) == 0:
        empty = torch.zeros(0, dtype=torch.long)
        columns = ('ids', 'labels', 'num_frames', 'first_frame', 'last_frame')
        return {**dict.fromkeys(columns, empty), 'scores': torch.zeros(0)}
    ids, rows = table['ids'].unique(return_inverse=True)

    def total(column: Tensor, reduce: str) -> Tensor:
        return torch.zeros(len(ids), dtype=column.dtype).scatter_reduce(0, rows, column, reduce, include_self=False)

    order = table['num_frames'].argsort(stable=True)
    labels = torch.zeros_like(ids)
    for row in order.tolist():  # the most frequent label of a track is written last
        labels[rows[row]] = table['labels'][row]
    frames = total(table['num_frames'], 'sum')
    return dict(
        ids=ids,
        labels=labels,
        scores=total(table['score_sum'], 'sum') / frames,
        num_frames=frames,
        first_frame=total(table['first_frame'], 'amin'),
        last_frame=total(table['last_frame'], 'amax'),
    )
