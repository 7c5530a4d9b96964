"""Boxes of segments, as trackers want them."""

import torch
from torch import Tensor

from videoseg.structures import ClipPrediction, FrameMeta

from .resize import arange_like, bilinear, resize_to_original

EMPTY_BOX = (-1.0, -1.0, 10.0, 10.0)
BOX_SOURCES = ('mask', 'mask_and_semantic')


def boxes_from_extents(rows: Tensor, columns: Tensor) -> Tensor:
    """Boxes of segments whose occupied rows and columns are known.

    Args:
        rows: (S, H) bool, True where a segment has a pixel in that row.
        columns: (S, W) bool, likewise for columns.

    Returns:
        (S, 4) float x0, y0, x1, y1; the maxima are the last occupied pixel (inclusive). A segment without pixels gets
        (-1, -1, 10, 10), see ``specs/video_knet.md`` 2.6 step 3.
    """
    x, y = arange_like(columns.shape[1], columns), arange_like(rows.shape[1], rows)
    x0 = torch.where(columns, x, columns.shape[1]).amin(1)
    y0 = torch.where(rows, y, rows.shape[1]).amin(1)
    x1 = torch.where(columns, x, -1).amax(1)
    y1 = torch.where(rows, y, -1).amax(1)
    boxes = torch.stack([x0, y0, x1, y1], 1).float()
    return torch.where((x1 >= 0)[:, None], boxes, boxes.new_tensor(EMPTY_BOX))


def boxes_of_masks(masks: Tensor) -> Tensor:
    """Boxes (S, 4) of masks (S, H, W), which may overlap; convention of :func:`boxes_from_extents`."""
    masks = masks.bool()
    return boxes_from_extents(masks.any(2), masks.any(1))


def boxes_of_map(segment_map: Tensor, num_segments: int) -> Tensor:
    """Boxes of all segments of a map at once, without one mask a segment.

    Args:
        segment_map: (H, W) int, segment row + 1, 0 = none.
        num_segments: S.

    Returns:
        (S, 4), convention of :func:`boxes_from_extents`.
    """
    height, width = segment_map.shape
    index = segment_map.long()
    rows = torch.zeros(num_segments + 1, height, dtype=torch.bool, device=segment_map.device)
    columns = torch.zeros(num_segments + 1, width, dtype=torch.bool, device=segment_map.device)
    rows[index, arange_like(height, index)[:, None].expand_as(index)] = True
    columns[index, arange_like(width, index)[None].expand_as(index)] = True
    return boxes_from_extents(rows[1:], columns[1:])


def semantic_things(prediction: ClipPrediction, meta: FrameMeta, stretch_padded: bool) -> Tensor:
    """Where the dense branch sees a thing in the last frame: (H, W) bool.

    Args:
        prediction: One clip with ``semantic_logits``.
        meta: Sizes.
        stretch_padded: Resize the padded logits straight to the original size, as the original does (defect 2 of
            ``specs/video_knet.md``: the geometry is shifted where there is padding).

    Raises:
        ValueError: If the prediction has no ``semantic_logits``.
    """
    if prediction.semantic_logits is None:
        raise ValueError(
            "box_source='mask_and_semantic' needs a decoder with semantic_logits; this prediction has none: "
            "use box_source='mask'"
        )
    logits = prediction.semantic_logits[0, :, -1].float()
    logits = bilinear(logits, meta.ori_shape) if stretch_padded else resize_to_original(logits, meta)
    return logits.argmax(0) < prediction.num_things
