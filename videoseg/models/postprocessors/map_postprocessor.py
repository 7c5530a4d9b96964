"""Segments of a decoder that gives maps."""

import torch
from torch import Tensor

from videoseg.registry import MODELS, TASK_UTILS
from videoseg.structures import ClipSegments, FrameMeta, MapPrediction

from .base_postprocessor import BasePostprocessor
from .tracker_boxes import boxes_of_map, boxes_of_masks


@MODELS.register_module()
class MapPostprocessor(BasePostprocessor):
    """Maps to segments at the original size, by nearest neighbour alone (``specs/pix2seq_d.md`` section 6).

    The way is map size, network input, padding removed, original size; then the segment decoder cleans up. The ids of
    the decoder go along as ``decoder_ids``; with :class:`DecoderIdTracker` they are the track ids, any other tracker
    goes by boxes and masks as usual.

    Args:
        output: ``'panoptic'``: a map without overlaps, for video panoptic segmentation, and class-agnostic with one
            thing class; ``'instance'``: scored masks of things with an id, best first; ``'semantic'``: one segment a
            class, ids are dropped.
        segment_decoder: Config of the segment decoder; default ``SegmentDecoder`` as it is.
        score_thr: Things with a lower score are no segments.

    Raises:
        ValueError: For an unknown ``output``.
    """

    reads = MapPrediction

    def __init__(self, output: str = 'panoptic', segment_decoder: dict | None = None, score_thr: float = 0.0) -> None:
        super().__init__()
        self._check_choice('output', output, ('panoptic', 'instance', 'semantic'))
        self.output = output
        self.only_things = output == 'instance'
        self.segment_decoder = TASK_UTILS.build(segment_decoder or dict(type='SegmentDecoder'))
        self.score_thr = score_thr

    def segment(self, prediction: MapPrediction, meta: FrameMeta) -> ClipSegments:
        """Segments of one clip, by label and id (``'instance'``: by descending score), with ``boxes``."""
        labels, ids = to_original(prediction.labels[0], meta), to_original(prediction.ids[0], meta)
        scores = None if prediction.scores is None else to_original(prediction.scores[0], meta)
        if self.output == 'semantic':
            ids = torch.zeros_like(ids)
        found = self.segment_decoder(labels, ids, prediction.num_things, scores)
        is_thing = found.labels < prediction.num_things
        keep = ~is_thing | (found.scores >= self.score_thr)
        if self.output == 'instance':
            keep &= found.ids > 0
        rows = keep.nonzero()[:, 0]
        if self.output == 'instance':
            rows = rows[found.scores[rows].argsort(descending=True, stable=True)]
        segments = ClipSegments(
            labels=found.labels[rows],
            scores=found.scores[rows],
            is_thing=is_thing[rows] & (self.output != 'semantic'),
            query_index=torch.full_like(rows, -1),
            decoder_ids=self._track_ids(found.labels, found.ids, prediction.num_things)[rows],
        )
        return self._paint(segments, found.segment_map, rows)

    def _track_ids(self, labels: Tensor, ids: Tensor, num_things: int) -> Tensor:
        """Identities; of instances one for each of the classes that an identity has without a majority vote.

        In panoptic maps class and identity together tell a segment, instances have nothing but the id of their track.
        """
        if self.output != 'instance' or self.segment_decoder.majority_vote:
            return ids
        return torch.where(ids > 0, (ids - 1) * num_things + labels + 1, 0)

    def _paint(self, segments: ClipSegments, segment_map: Tensor, rows: Tensor) -> ClipSegments:
        """Fill in masks or map, and boxes, of the segments kept, ``rows`` of the map."""
        if self.output == 'instance':
            segments.masks = segment_map == (rows + 1).to(segment_map.dtype)[:, None, None, None]
            segments.boxes = boxes_of_masks(segments.masks[:, -1])
            return segments
        highest = int(segment_map.max()) if segment_map.numel() else 0
        table = torch.zeros(highest + 1, dtype=torch.int32, device=segment_map.device)
        table[rows + 1] = torch.arange(1, len(rows) + 1, dtype=torch.int32, device=segment_map.device)
        segments.segment_map = table[segment_map.long()]
        segments.boxes = boxes_of_map(segments.segment_map[-1], len(rows))
        return segments


def to_original(maps: Tensor, meta: FrameMeta) -> Tensor:
    """Maps (T, h, w) of any type on the padded canvas at the original size: (T, H, W), nearest neighbour throughout."""
    height, width = maps.shape[-2:]
    sizes = zip((height, width), meta.batch_input_shape, meta.img_shape, meta.ori_shape, strict=True)
    rows, columns = (_nearest(maps.device, *size) for size in sizes)
    return maps[:, rows[:, None], columns]


def _nearest(device: torch.device, size: int, canvas: int, valid: int, original: int) -> Tensor:
    """Cell of a map of ``size`` for each of ``original`` pixels, along one axis."""
    on_canvas = ((2 * torch.arange(original, device=device) + 1) * valid) // (2 * original)
    return ((2 * on_canvas + 1) * size) // (2 * canvas)
