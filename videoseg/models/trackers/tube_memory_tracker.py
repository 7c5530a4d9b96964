"""Association of tubes with a memory of recent tracks."""

import torch
from torch import Tensor

from videoseg.registry import MODELS
from videoseg.structures import ClipSegments, FrameMeta

from .association import embedding_similarity, fresh_tracks, match_greedily
from .base_tracker import TrackerState
from .embedding_memory_tracker import UNTRACKED, EmbeddingMemoryTracker


@MODELS.register_module()
class TubeMemoryTracker(EmbeddingMemoryTracker):
    """The online tracker of Tube-Link's VPS branch, after IDOL (``specs/tube_link.md`` 3.2).

    One observation a window: things are handled in the order of their queries. Of two whose masks overlap too much the
    later one is suppressed. A thing takes the track in memory that it resembles most, if by more than
    ``match_score_thr``, whatever its class; the others start tracks. The memory is a running mean of the embeddings of
    each track. Ids are never used again. All but the overlap of masks is done on the CPU.

    Args:
        nms_thr: Largest mask IoU of two things.
        init_score_thr: Things with a larger score start a track while the memory is empty.
        addnew_score_thr: Things with a larger score start a track otherwise.
        match_score_thr: Least similarity of a match.
        memo_tracklet_frames: A track is dropped when the window in which it was last seen began that many frames
            before this one: with windows of 4 frames and 10 it outlives two windows.
        memo_momentum: Weight of the new embedding in the running mean.
        match_metric: ``'bisoftmax'``, ``'softmax'`` or ``'cosine'``.
        compat: Original behaviour (defects Q2 and Q3 of ``specs/tube_link.md``): masks are compared in the last frame
            of the window only, where two absent things have IoU 1; and the ids of the things that survived are handed
            out by position, so that all behind a suppressed one get their successor's and the last ones none. By
            default the masks of the whole window are compared, things without pixels suppress nothing, and a
            suppressed thing gets id 0.

    Raises:
        ValueError: If ``match_metric`` is unknown.
    """

    def __init__(
        self,
        nms_thr: float = 0.7,
        init_score_thr: float = 0.2,
        addnew_score_thr: float = 0.5,
        match_score_thr: float = 0.5,
        memo_tracklet_frames: int = 10,
        memo_momentum: float = 0.5,
        match_metric: str = 'bisoftmax',
        compat: bool = False,
    ) -> None:
        super().__init__(init_score_thr, match_score_thr, memo_tracklet_frames, memo_momentum, match_metric, compat)
        self.nms_thr = nms_thr
        self.addnew_score_thr = addnew_score_thr

    def associate(
        self, segments: ClipSegments, embeddings: Tensor | None, meta: FrameMeta, state: TrackerState
    ) -> tuple[Tensor, TrackerState]:
        """See :meth:`BaseTracker.associate`. A window without things leaves the memory untouched.

        Raises:
            ValueError: If there are things but not one embedding a segment.
        """
        ids = torch.zeros(len(segments), dtype=torch.long)
        device = segments.labels.device
        things = segments.is_thing.nonzero()[:, 0]
        if not len(things):
            return ids.to(device), state
        self._check_embeddings(segments, embeddings)
        things = things[segments.query_index[things].argsort(stable=True)]
        columns = [segments.scores[things, None], embeddings[things], self._overlaps(segments, things)]
        packed = torch.cat([x.detach().float() for x in columns], 1).cpu()
        width = embeddings.shape[1]
        state = {name: value.cpu() for name, value in state.items()} or fresh_tracks(embeddings=torch.zeros(0, width))
        kept = self._survivors(packed[:, 1 + width :])
        numbers, state = self.match(packed[kept, 0], packed[kept, 1 : 1 + width], meta.frame_ids[0], state)
        rows = things.cpu()
        ids[rows[: len(kept)] if self.compat else rows[kept]] = numbers + 1
        return ids.to(device), state

    def _overlaps(self, segments: ClipSegments, things: Tensor) -> Tensor:
        """Mask IoU (n, n) of the things, over the window or, with ``compat``, in its last frame."""
        num_frames = segments.masks.shape[1] if segments.masks is not None else len(segments.segment_map)
        inter = torch.zeros(len(things), len(things), dtype=torch.double, device=things.device)
        for frame in [num_frames - 1] if self.compat else range(num_frames):
            if segments.masks is None:  # disjoint
                area = torch.bincount(segments.segment_map[frame].flatten().long(), minlength=len(segments) + 1)
                inter += torch.diag(area[1:][things])
            else:
                masks = segments.masks[things, frame].flatten(1).float()
                inter += masks @ masks.T
        area = inter.diag()
        union = area[:, None] + area - inter
        if self.compat:
            return (inter + 1e-6) / (union + 1e-6)
        return inter / union.clamp(min=1)

    def _survivors(self, overlaps: Tensor) -> Tensor:
        """Rows left by greedy suppression in row order."""
        kept: list[int] = []
        for row in range(len(overlaps)):
            if not (overlaps[row, kept] > self.nms_thr).any():
                kept.append(row)
        return torch.tensor(kept, dtype=torch.long)

    def match(self, scores: Tensor, embeddings: Tensor, frame: int, state: TrackerState) -> tuple[Tensor, TrackerState]:
        """One observation of n things, all on the CPU.

        Args:
            scores: (n,).
            embeddings: (n, D).
            frame: Number of the window's first frame.
            state: A complete state.

        Returns:
            Numbers (n,), counted from 0, -1 = untracked; and the new state.
        """
        numbers, threshold = torch.full((len(scores),), UNTRACKED), self.init_score_thr
        if len(state['track_ids']):
            similarity = embedding_similarity(embeddings, state['track_embeddings'], self.match_metric)
            columns, _ = match_greedily(similarity, self.match_score_thr)
            numbers = torch.where(columns >= 0, state['track_ids'][columns.clamp(min=0)], UNTRACKED)
            threshold = self.addnew_score_thr
        born = (numbers == UNTRACKED) & (scores > threshold)
        return self._remember(numbers, born, dict(embeddings=embeddings), frame, state)
