"""Identity is what the decoder says."""

import torch
from torch import Tensor

from videoseg.registry import MODELS
from videoseg.structures import ClipSegments, FrameMeta

from .base_tracker import BaseTracker, TrackerState


@MODELS.register_module()
class DecoderIdTracker(BaseTracker):
    """Passes on the ids of a decoder that tracks by itself, as the diffusion decoder does by its past maps."""

    def associate(
        self, segments: ClipSegments, embeddings: Tensor | None, meta: FrameMeta, state: TrackerState
    ) -> tuple[Tensor, TrackerState]:
        """See :meth:`BaseTracker.associate`; the state stays as it is.

        Raises:
            ValueError: If the segments carry no ids of the decoder, naming video and frame.
        """
        if segments.decoder_ids is None:
            raise ValueError(
                f'video {meta.video_id!r}, frame {meta.frame_ids[0]}: DecoderIdTracker needs a decoder that tracks by '
                'itself and MapPostprocessor; for others use QuasiDenseEmbeddingTracker or MaskIoUTracker'
            )
        return torch.where(segments.is_thing, segments.decoder_ids, 0).long(), state
