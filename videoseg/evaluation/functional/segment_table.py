"""What is known about the segments of one map besides their pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class SegmentTable:
    """S segments of a frame.

    Attributes:
        ids: (S,) int64, ascending.
        labels: (S,) int64 classes.
        areas: (S,) pixels.
        is_crowd: (S,) bool.
        ranks: (S,) int64 place of each segment in the list it comes from.
    """

    ids: np.ndarray
    labels: np.ndarray
    areas: np.ndarray
    is_crowd: np.ndarray
    ranks: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def from_infos(
        cls,
        segments_info: Sequence[Mapping[str, Any]],
        counted_ids: np.ndarray,
        counted_areas: np.ndarray,
        where: str,
        use_json_areas: bool = True,
    ) -> 'SegmentTable':
        """Read the ``segments_info`` of a COCO panoptic json.

        Args:
            segments_info: Entries with ``id``, ``category_id``, optional ``iscrowd`` and ``area``.
            counted_ids: Ids found in the map, 0 = void among them, ascending.
            counted_areas: Their pixels.
            where: Video, frame and map, for errors.
            use_json_areas: An area in the json wins over the counted one (the reference takes ground truth areas
                from there). Default True.

        Returns:
            The table.

        Raises:
            ValueError: If an id is in the map but not in the json, or the other way round, or twice in the json; if an
                entry lacks id or class, or has an area that is not positive.
        """
        try:
            ids = np.array([x['id'] for x in segments_info], np.int64)
            labels = np.array([x['category_id'] for x in segments_info], np.int64)
        except KeyError as error:
            raise ValueError(f'{where}: an entry of segments_info has no {error}') from error
        ranks = np.argsort(ids, kind='stable')
        ids = ids[ranks]
        in_map = counted_ids[counted_ids != 0]
        if not np.array_equal(ids, in_map):
            _raise_disagreement(ids, in_map, where)
        areas = counted_areas[counted_ids != 0]
        if use_json_areas:
            values = [segments_info[row].get('area') for row in ranks]
            areas = np.array([area if x is None else x for x, area in zip(values, areas, strict=True)], np.float64)
            if len(bad := ids[~(areas > 0)]):
                raise ValueError(f'{where}: segments_info gives ids {bad[:5].tolist()} an area that is not above 0')
        is_crowd = np.array([bool(segments_info[row].get('iscrowd', 0)) for row in ranks], bool)
        return cls(ids, labels[ranks], areas, is_crowd, ranks)


def _raise_disagreement(ids: np.ndarray, in_map: np.ndarray, where: str) -> None:
    """Say in what the sorted ids of a json differ from those of a map."""
    if len(twice := ids[1:][ids[1:] == ids[:-1]]):
        raise ValueError(f'{where}: segments_info lists ids {twice[:5].tolist()} twice')
    if len(lost := np.setdiff1d(in_map, ids)):
        raise ValueError(f'{where}: ids {lost[:5].tolist()} are in the map but not in segments_info')
    lost = np.setdiff1d(ids, in_map)
    raise ValueError(f'{where}: ids {lost[:5].tolist()} are in segments_info but not in the map')
