"""What is known about the segments of one map besides their pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class SegmentTable:
    """S segments of a frame in the order in which the source lists them.

    Attributes:
        ids: (S,) int64.
        labels: (S,) int64 classes.
        areas: (S,) pixels.
        is_crowd: (S,) bool.
    """

    ids: np.ndarray
    labels: np.ndarray
    areas: np.ndarray
    is_crowd: np.ndarray

    @classmethod
    def from_infos(
        cls, segments_info: Sequence[Mapping[str, Any]], counted_ids: np.ndarray, counted_areas: np.ndarray, where: str
    ) -> 'SegmentTable':
        """Read the ``segments_info`` of a COCO panoptic json.

        Args:
            segments_info: Entries with ``id``, ``category_id``, optional ``iscrowd`` and ``area``. An area in the
                json wins over the counted one (the reference takes ground truth areas from there).
            counted_ids: Ids found in the map, 0 = void among them, ascending.
            counted_areas: Their pixels.
            where: Video, frame and map, for errors.

        Returns:
            The table.

        Raises:
            ValueError: If an id is in the map but not in the json, or the other way round, or twice in the json.
        """
        ids = np.array([x['id'] for x in segments_info], np.int64)
        in_map = counted_ids[counted_ids != 0]
        if len(np.unique(ids)) != len(ids):
            raise ValueError(f'{where}: segments_info lists an id twice')
        if len(lost := np.setdiff1d(in_map, ids)):
            raise ValueError(f'{where}: ids {lost[:5].tolist()} are in the map but not in segments_info')
        if len(lost := np.setdiff1d(ids, in_map)):
            raise ValueError(f'{where}: ids {lost[:5].tolist()} are in segments_info but not in the map')
        areas = counted_areas[np.searchsorted(counted_ids, ids)] if len(ids) else np.zeros(0, counted_areas.dtype)
        for row, info in enumerate(segments_info):
            areas[row] = info.get('area', areas[row])
        return cls(
            ids,
            np.array([x['category_id'] for x in segments_info], np.int64),
            areas,
            np.array([bool(x.get('iscrowd', 0)) for x in segments_info], bool),
        )

    @classmethod
    def over_time(cls, tables: Sequence['SegmentTable']) -> 'SegmentTable':
        """Tubes of consecutive frames: areas are summed, class and crowd flag are those of an id's first frame.

        Args:
            tables: Tables of the frames, in time order.

        Returns:
            One row a tube, in the order of first appearance.
        """
        ids, labels, areas, is_crowd = (
            np.concatenate([getattr(t, name) for t in tables]) for name in ('ids', 'labels', 'areas', 'is_crowd')
        )
        unique, first, index = np.unique(ids, return_index=True, return_inverse=True)
        total = np.bincount(index, weights=areas, minlength=len(unique)).astype(areas.dtype)
        order = np.argsort(first)
        first = first[order]
        return cls(unique[order], labels[first], total[order], is_crowd[first])
