"""What survives post-processing in a window of one video."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class ClipSegments:
    """S segments of a window of T frames at the original size (H, W).

    Panoptic and semantic results fill ``segment_map``; instance results, which may overlap, fill ``masks``.

    Attributes:
        labels: (S,) model labels.
        scores: (S,) in [0, 1].
        is_thing: (S,) bool.
        query_index: (S,) the query of each segment (-1 = none); one query may appear under several labels.
        segment_map: (T, H, W) int, row of the segment + 1, 0 = void; or None.
        masks: (S, T, H, W) bool, or None.
        boxes: (S, 4) x0, y0, x1, y1 in original pixels, inclusive maxima, for the tracker; an empty segment has
            (-1, -1, 10, 10) as in ``specs/video_knet.md`` 2.6. Of the last frame of the window.
        track_ids: (S,) identity over time, counted from 1, 0 = none; filled in by the tracker, except where a
            postprocessor gave an id already.
        quality: (S, T) mean probability inside ``masks``, 0 for an empty one; of segments that are slots of queries
            (:class:`videoseg.models.postprocessors.VideoInstancePostprocessor`), or None.
        decoder_ids: (S,) identity over time that the decoder gave itself (:class:`MapPrediction`), counted from 1, 0 =
            none; or None. A proposal: it counts where the tracker is
            :class:`videoseg.models.trackers.DecoderIdTracker`.
    """

    labels: Tensor
    scores: Tensor
    is_thing: Tensor
    query_index: Tensor
    segment_map: Tensor | None = None
    masks: Tensor | None = None
    boxes: Tensor | None = None
    track_ids: Tensor | None = None
    quality: Tensor | None = None
    decoder_ids: Tensor | None = None

    def __len__(self) -> int:
        return self.labels.shape[0]

    def segment_masks(self, rows: Tensor, frame: int = -1) -> Tensor:
        """Binary masks (R, H, W) of some segments in one frame, by default the last."""
        if self.masks is not None:
            return self.masks[rows, frame]
        return self.segment_map[frame][None] == (rows + 1).to(self.segment_map.dtype)[:, None, None]

    def panoptic_map(self, void_id: int, divisor: int) -> Tensor:
        """Panoptic ids (T, H, W) by the codec of :mod:`videoseg.structures.ids`.

        Args:
            void_id: Id of pixels without a segment.
            divisor: The codec's divisor.

        Raises:
            ValueError: If the segments have no ``segment_map`` (instance results overlap and have no map), or a
                track id does not fit into the codec.
        """
        if self.segment_map is None:
            raise ValueError('these segments overlap (instance results): there is no panoptic map of them')
        track_ids = self.track_ids if self.track_ids is not None else torch.zeros_like(self.labels)
        if len(track_ids) and int(track_ids.max()) >= divisor:
            raise ValueError(
                f'track id {int(track_ids.max())} does not fit into a panoptic map, which holds ids below {divisor}: '
                'the tracker starts new tracks all the time (too short a memory?); instance results have no such limit'
            )
        table = torch.cat([self.labels.new_tensor([void_id]), self.labels * divisor + track_ids])
        return table[self.segment_map.long()]
