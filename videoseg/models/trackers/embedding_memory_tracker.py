"""What the trackers with a memory of embeddings share."""

import torch
from torch import Tensor

from videoseg.structures import ClipSegments

from .association import check_metric, enter_tracks, keep_tracks
from .base_tracker import BaseTracker, TrackerState

UNTRACKED = -1


class EmbeddingMemoryTracker(BaseTracker):
    """Base of trackers that keep a running mean of the embeddings of recent tracks.

    Subclasses match a window with the memory; birth, memory and forgetting are here. Numbers of tracks are counted from
    0 and never used again; ids are the numbers + 1. The state lives on the CPU.

    Args:
        init_score_thr: Unmatched segments with a larger score start a track.
        match_score_thr: Least similarity of a match.
        memo_tracklet_frames: A track is dropped when it was last seen that many frames ago.
        memo_momentum: Weight of the new embedding in the running mean.
        match_metric: ``'bisoftmax'``, ``'softmax'`` or ``'cosine'``.
        compat: Original pairing of ids.

    Raises:
        ValueError: If ``match_metric`` is unknown.
    """

    needs_embeddings = True

    def __init__(
        self,
        init_score_thr: float,
        match_score_thr: float,
        memo_tracklet_frames: int,
        memo_momentum: float,
        match_metric: str,
        compat: bool,
    ) -> None:
        check_metric(match_metric)
        self.init_score_thr = init_score_thr
        self.match_score_thr = match_score_thr
        self.memo_tracklet_frames = memo_tracklet_frames
        self.memo_momentum = memo_momentum
        self.match_metric = match_metric
        self.compat = compat

    def _check_embeddings(self, segments: ClipSegments, embeddings: Tensor | None) -> None:
        name = type(self).__name__
        if embeddings is None:
            raise ValueError(
                f'{name} needs association embeddings: use a decoder that embeds its segments, or another tracker '
                '(MaskIoUTracker, SORTBoxTracker, KernelIndexTracker)'
            )
        if len(embeddings) != len(segments):
            raise ValueError(
                f'got {len(embeddings)} embeddings for {len(segments)} segments: {name} needs one a segment'
            )

    def _remember(
        self,
        numbers: Tensor,
        born: Tensor,
        columns: dict[str, Tensor],
        frame: int,
        state: TrackerState,
    ) -> tuple[Tensor, TrackerState]:
        """Number the new tracks, enter all that are tracked, and forget the old ones.

        Args:
            numbers: (n,) of matched rows, negative for the others.
            born: (n,) bool, rows that start a track.
            columns: Values (n, ...) by name, with ``embeddings``.
            frame: Number of the frame.
            state: A complete state.

        Returns:
            (n,) numbers and the new state.
        """
        numbers, num_born = numbers.clone(), int(born.sum())
        numbers[born] = state['num_tracks'] + torch.arange(num_born)
        tracked = numbers >= 0
        columns = {name: values[tracked] for name, values in columns.items()}
        columns['last_frames'] = torch.full_like(numbers[tracked], frame)
        new = enter_tracks(state, numbers[tracked], columns, self.memo_momentum)
        new['num_tracks'] = state['num_tracks'] + num_born
        return numbers, keep_tracks(new, frame - new['track_last_frames'] < self.memo_tracklet_frames)
