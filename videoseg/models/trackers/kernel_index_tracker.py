"""Identity is the number of the kernel."""

import torch
from torch import Tensor

from videoseg.registry import MODELS
from videoseg.structures import ClipSegments, FrameMeta

from .base_tracker import BaseTracker, TrackerState


@MODELS.register_module()
class KernelIndexTracker(BaseTracker):
    """Id = query index + 1: the toy baseline of the Video K-Net paper, and what a clip model means by identity.

    Args:
        per_class: A (query, class) pair is a track of its own, numbered in order of appearance: so the candidates of
            :class:`InstancePostprocessor`, where one query may stand under several classes, stay apart
            (``specs/video_knet.md`` 2.8: the track is the rank of the pair). The state remembers the pairs seen, of
            which there are as many as queries times classes.
    """

    needs_queries = True

    def __init__(self, per_class: bool = False) -> None:
        self.per_class = per_class
        self.ids_are_queries = not per_class

    def associate(
        self, segments: ClipSegments, embeddings: Tensor | None, meta: FrameMeta, state: TrackerState
    ) -> tuple[Tensor, TrackerState]:
        """See :meth:`BaseTracker.associate`; without ``per_class`` the state stays as it is."""
        if not self.per_class:
            return torch.where(segments.is_thing, segments.query_index + 1, 0).long(), state
        pairs = torch.stack([segments.query_index, segments.labels], 1)[segments.is_thing].cpu()
        known = state['pairs'].cpu() if 'pairs' in state else pairs[:0]
        ids = []
        for pair in pairs:
            hit = (known == pair).all(1).nonzero()[:, 0]
            if not len(hit):
                known = torch.cat([known, pair[None]])
            ids.append(int(hit[0]) + 1 if len(hit) else len(known))
        track_ids = torch.zeros_like(segments.labels, dtype=torch.long)
        track_ids[segments.is_thing] = torch.tensor(ids, dtype=torch.long, device=track_ids.device)
        return track_ids, {**state, 'pairs': known}
