"""Instance results of a frame as a panoptic map."""

import numpy as np
from mmdet.structures import DetDataSample

from videoseg.structures.ids import DIVISOR, VOID_ID, encode_ids
from videoseg.structures.rle import decode_masks


def panoptic_from_instances(sample: DetDataSample, score_thr: float = 0.3, max_iou: float = 0.7) -> np.ndarray:
    """Panoptic ids of one frame's instance results, for drawing; a higher score covers a lower one.

    Args:
        sample: With ``pred_track_instances``: ``labels``, ``scores``, ``instances_id`` and ``masks`` (n, H, W), as a
            tensor or RLEs. Tracks are selected when the video ends, so a frame holds more rows than tracks remain.
        score_thr: Rows with lower scores are left out.
        max_iou: Rows are left out whose mask has a higher IoU with one of a better score: the same object under
            another class.

    Returns:
        (H, W) int32 panoptic ids; void where there is no instance.
    """
    rows = sample.pred_track_instances
    scores = rows.scores.float().cpu().numpy()
    order = np.argsort(-scores, kind='stable')
    order = order[scores[order] >= score_thr]
    if isinstance(rows.masks, list):
        masks = decode_masks([rows.masks[i] for i in order], sample.ori_shape) > 0
    else:
        masks = rows.masks.cpu().numpy()[order] > 0
    if not len(order):
        return np.full(sample.ori_shape, VOID_ID, np.int32)
    flat = masks.reshape(len(masks), -1).astype(np.float32)
    shared, areas = flat @ flat.T, flat.sum(1)
    iou = shared / np.maximum(areas[:, None] + areas[None] - shared, 1)
    kept = ~(np.tril(iou, -1) > max_iou).any(1)
    masks, order = masks[kept], order[kept]
    ids = encode_ids(rows.labels.cpu().numpy()[order], rows.instances_id.cpu().numpy()[order] % DIVISOR)
    return np.where(masks.any(0), ids[masks.argmax(0)], VOID_ID).astype(np.int32)
