"""From json segment lists to panoptic ids, as STQ needs them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from videoseg.evaluation.functional.joint_histogram import run_starts, unique_inverse
from videoseg.structures.ids import DIVISOR, MAX_INSTANCE, VOID_ID, VOID_LABEL


class SegmentNumbering:
    """Give the segments of one video instance numbers in the order in which they appear.

    Ground truth and prediction are numbered apart, each video by its own object. The cheap way to the panoptic ids of
    a frame goes through its joint histogram, so that pixels are looked at once for all metrics:
    ``histogram.relabel(gt_numbers.encode(histogram.gt_ids, gt_infos), pred_numbers.encode(histogram.pred_ids, ...))``.

    Args:
        instance_base: Number of the first segment. 1 by default; 0 is what VIPSeg's STQ script does, where a ground
            truth thing that comes first becomes crowd and leaves AQ (``specs/evaluators.md`` section 5).

    Raises:
        ValueError: For another base.
    """

    def __init__(self, instance_base: int = 1) -> None:
        if instance_base not in (0, 1):
            raise ValueError(f'instance_base is {instance_base}, expected 1 (default) or 0 (VIPSeg script)')
        self.instance_base = instance_base
        self.numbers: dict[int, int] = {}

    def encode(
        self, ids: np.ndarray, segments_info: Sequence[Mapping[str, Any]], where: str = 'this frame'
    ) -> np.ndarray:
        """Panoptic ids of one frame.

        Args:
            ids: Segment ids (R + 256 G + 65536 B) of any shape: the (H, W) map, or the (n,) ids of its histogram.
                0 = void.
            segments_info: The frame's json entries with ``id`` and ``category_id``.
            where: Video, frame and map, for errors.

        Returns:
            int32 panoptic ids of the same shape; pixels without segment are void.

        Raises:
            ValueError: If an id is missing in the json, a class does not fit, or there are too many segments.
        """
        known, target = [0], [VOID_ID]
        for info in segments_info:
            number = self.numbers.setdefault(info['id'], len(self.numbers) + self.instance_base)
            if number > MAX_INSTANCE:
                raise ValueError(
                    f'{where}: more than {MAX_INSTANCE} segments in a video, they do not fit into panoptic ids'
                )
            if not 0 <= info['category_id'] < VOID_LABEL:
                raise ValueError(
                    f'{where}: id {info["id"]} has class {info["category_id"]}, expected labels 0 ... {VOID_LABEL - 1}'
                )
            known.append(info['id'])
            target.append(info['category_id'] * DIVISOR + number)
        flat = np.ravel(ids)
        if not flat.size:
            return np.zeros(np.shape(ids), np.int32)
        starts = run_starts(flat)
        present, index = unique_inverse(flat[starts])
        if missing := sorted(set(present.tolist()) - set(known)):
            raise ValueError(f'{where}: ids {missing[:5]} are in the map but not in segments_info')
        table = dict(zip(known, target, strict=True))
        target_ids = np.array([table[x] for x in present.tolist()], np.int32)
        return np.repeat(target_ids[index], np.diff(starts, append=flat.size)).reshape(np.shape(ids))
