"""From json segment lists to panoptic ids, as STQ needs them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from videoseg.structures.ids import DIVISOR, MAX_INSTANCE, VOID_ID


class SegmentNumbering:
    """Give the segments of one video instance numbers in the order in which they appear.

    Ground truth and prediction are numbered apart, each video by its own object.

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

    def encode(self, id_map: np.ndarray, segments_info: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Panoptic ids of one frame.

        Args:
            id_map: (H, W) segment ids of the PNG (R + 256 G + 65536 B), 0 = void.
            segments_info: The frame's json entries with ``id`` and ``category_id``.

        Returns:
            (H, W) int32 panoptic ids; pixels without segment are void.

        Raises:
            ValueError: If the map holds an id that the json lacks, or if there are too many segments.
        """
        known, target = [0], [VOID_ID]
        for info in segments_info:
            number = self.numbers.setdefault(info['id'], len(self.numbers) + self.instance_base)
            if number > MAX_INSTANCE:
                raise ValueError(f'more than {MAX_INSTANCE} segments in a video: they do not fit into panoptic ids')
            known.append(info['id'])
            target.append(info['category_id'] * DIVISOR + number)
        ids, index = np.unique(id_map, return_inverse=True)
        if missing := sorted(set(ids.tolist()) - set(known)):
            raise ValueError(f'ids {missing[:5]} are in the map but not in segments_info')
        table = dict(zip(known, target, strict=True))
        return np.array([table[x] for x in ids.tolist()], np.int32)[index].reshape(np.shape(id_map))
