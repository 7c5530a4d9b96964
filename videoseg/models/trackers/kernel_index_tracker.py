"""Identity is the number of the kernel."""

import torch
from torch import Tensor

from videoseg.registry import MODELS
from videoseg.structures import ClipSegments, FrameMeta

from .base_tracker import BaseTracker, TrackerState


@MODELS.register_module()
class KernelIndexTracker(BaseTracker):
    """Id = query index + 1: the toy baseline of the Video K-Net paper, without any association."""

    def associate(
        self, segments: ClipSegments, embeddings: Tensor | None, meta: FrameMeta, state: TrackerState
    ) -> tuple[Tensor, TrackerState]:
        """See :meth:`BaseTracker.associate`; the state stays as it is."""
        return torch.where(segments.is_thing, segments.query_index + 1, 0).long(), state
