"""Ground truth and prediction of frame results, in whatever kind a metric needs; each is derived once for all."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from videoseg.evaluation.formats.davis import DAVIS_VOID_ID
from videoseg.evaluation.functional import JointHistogram, joint_histogram
from videoseg.evaluation.metrics.map_rles import encode_ids
from videoseg.structures.ids import DIVISOR
from videoseg.structures.rle import RLE, decode_masks, encode_masks

_TRACKS = "'pred_panoptic_seg', nor masks in 'pred_track_instances'", 'a panoptic or instance'
_SOURCES = {
    'pred_panoptic': ("'pred_panoptic_seg'", 'a panoptic'),
    'pred_labels': ("'pred_panoptic_seg', nor 'pred_sem_seg'", 'a panoptic or semantic'),
    'pred_tracks': _TRACKS,
    'pred_objects': _TRACKS,
}
"""Property -> what it is made of, and the postprocessor that makes that."""


class FrameView:
    """One frame result.

    What is not there is derived from what is: labels and instances from panoptic maps (thing pixels with instance 0 are
    crowd in the ground truth and no track in predictions), maps from instance masks. A property is None if neither the
    thing itself nor a source of it is there.

    Args:
        sample: Frame result as a dict: metainfo, ``gt_panoptic_seg``, ``gt_sem_seg``, ``gt_instances`` as far as there
            is ground truth, ``pred_panoptic_seg``, ``pred_sem_seg``, ``pred_track_instances``.
        num_things: Labels below are things.

    Raises:
        KeyError: If its metainfo lacks ``video_id`` or ``frame_id``.
    """

    def __init__(self, sample: Mapping[str, Any], num_things: int) -> None:
        for key in ('video_id', 'frame_id'):
            if key not in sample:
                raise KeyError(
                    f"a frame result ({sample.get('img_path', 'no img_path')}) has no '{key}'; pack it as metainfo"
                )
        self.sample = sample
        self.num_things = num_things
        self.video_id = str(sample['video_id'])
        self.frame_id = int(sample['frame_id'])

    @property
    def where(self) -> str:
        """Video and frame, for messages."""
        return f'video {self.video_id!r}, frame {self.frame_id}'

    # ---------------------------------------------------------------- ground truth

    @property
    def gt_kinds(self) -> frozenset[str]:
        """Kinds of ground truth that are there or can be derived: ``panoptic``, ``semantic``, ``instance``."""
        kinds = set()
        if self._has('gt_panoptic_seg', 'panoptic_seg'):
            kinds |= {'panoptic', 'semantic', 'instance'}
        if self._has('gt_sem_seg', 'sem_seg'):
            kinds.add('semantic')
        if self._has('gt_instances', 'instances_ids'):
            kinds.add('instance')
        return frozenset(kinds)

    @cached_property
    def gt_panoptic(self) -> np.ndarray | None:
        """(H, W) panoptic ids."""
        return self._map('gt_panoptic_seg', 'panoptic_seg')

    @cached_property
    def gt_labels(self) -> np.ndarray | None:
        """(H, W) model labels."""
        if self.gt_panoptic is not None:
            return self.gt_panoptic // DIVISOR
        return self._map('gt_sem_seg', 'sem_seg')

    @cached_property
    def gt_raw_labels(self) -> np.ndarray | None:
        """(H, W) labels as the files have them if they are there, model labels otherwise."""
        raw = self._map('gt_sem_seg', 'raw_seg')
        return self.gt_labels if raw is None else raw

    @cached_property
    def gt_instances(self) -> dict[str, Any] | None:
        """``ids``, ``labels``, ``is_crowd``, ``areas`` (n,) arrays, ``masks`` n RLEs, ``occlusion`` (n,) or None."""
        given = self.sample.get('gt_instances')
        if self._has('gt_instances', 'instances_ids'):
            columns = {name: _array(_field(given, name)) for name in ('labels', 'is_crowd', 'areas', 'occlusion')}
            masks = list(_field(given, 'masks'))
            if columns['is_crowd'] is None:
                columns['is_crowd'] = np.zeros(len(masks), bool)
            return {**columns, 'ids': _array(_field(given, 'instances_ids')), 'masks': masks}
        if self.gt_panoptic is None:
            return None
        ids, areas = np.unique(self.gt_panoptic, return_counts=True)
        is_thing = ids // DIVISOR < self.num_things
        ids, areas = ids[is_thing].astype(np.int64), areas[is_thing]
        return {
            'ids': ids,
            'labels': ids // DIVISOR,
            'is_crowd': ids % DIVISOR == 0,
            'areas': areas.astype(np.float64),
            'masks': encode_ids(self.gt_panoptic, ids),
            'occlusion': None,
        }

    @cached_property
    def gt_objects(self) -> np.ndarray | None:
        """(H, W) ids of objects, 0 = background or crowd; panoptic ids, which of label 0 are the instance numbers.

        Void pixels of DAVIS stay :data:`DAVIS_VOID_ID`.
        """
        if self.gt_panoptic is not None:
            is_object = (self.gt_panoptic // DIVISOR < self.num_things) & (self.gt_panoptic % DIVISOR > 0)
            return np.where(is_object | (self.gt_panoptic == DAVIS_VOID_ID), self.gt_panoptic, 0)
        if self.gt_instances is None:
            return None
        keep = np.flatnonzero(~self.gt_instances['is_crowd'].astype(bool))
        masks = [self.gt_instances['masks'][row] for row in keep]
        return _painted(decode_masks(masks, self.size), self.gt_instances['ids'][keep], self.size)

    # ---------------------------------------------------------------- prediction

    @cached_property
    def pred_panoptic(self) -> np.ndarray | None:
        """(H, W) panoptic ids."""
        return self._map('pred_panoptic_seg', 'panoptic_seg')

    @cached_property
    def pred_labels(self) -> np.ndarray | None:
        """(H, W) model labels."""
        if self.pred_panoptic is not None:
            return self.pred_panoptic // DIVISOR
        return self._map('pred_sem_seg', 'sem_seg')

    @cached_property
    def pred_tracks(self) -> tuple[np.ndarray, list[RLE]] | None:
        """Track ids (n,), none twice, and their masks in this frame; masks that are RLEs have distinct ids."""
        given = self.sample.get('pred_track_instances')
        if self._has('pred_track_instances', 'masks'):
            ids, masks = _array(_field(given, 'instances_id')), _field(given, 'masks')
            if isinstance(masks, list):  # RLEs
                order = np.argsort(ids, kind='stable')
                return ids[order].astype(np.int64), [masks[row] for row in order]
            ids, masks = ids[ids > 0], _array(masks)[ids > 0]
        elif self.pred_panoptic is not None:
            ids = np.unique(self.pred_objects)
            ids = ids[ids > 0].astype(np.int64)
            return ids, encode_ids(self.pred_objects, ids)
        else:
            return None
        unique, first = np.unique(ids, return_index=True)
        merged = masks[first] if len(unique) == len(ids) else np.stack([masks[ids == i].any(0) for i in unique])
        return unique.astype(np.int64), encode_masks(merged)

    @cached_property
    def pred_objects(self) -> np.ndarray | None:
        """(H, W) track ids, 0 = stuff or untracked; of overlapping masks the best score wins."""
        if self.pred_panoptic is not None:
            return self.pred_panoptic % DIVISOR
        given = self.sample.get('pred_track_instances')
        if not self._has('pred_track_instances', 'masks'):
            return None
        order, masks = np.argsort(_array(_field(given, 'scores')), kind='stable'), _field(given, 'masks')
        masks = decode_masks(masks, self.size) if isinstance(masks, list) else _array(masks)
        return _painted(masks[order], _array(_field(given, 'instances_id'))[order], self.size)

    def require(self, name: str, reader: str) -> Any:
        """A property of the prediction that must be there.

        Args:
            name: Its name, one of those that start with ``pred_``.
            reader: Who needs it, for the message.

        Raises:
            KeyError: If it is None; names frame, reader and the remedy.
        """
        value = getattr(self, name)
        if value is None:
            sources, postprocessor = _SOURCES[name]
            raise KeyError(f'{self.where}: no {sources}; {reader} needs {postprocessor} postprocessor')
        return value

    # ---------------------------------------------------------------- both

    @cached_property
    def histogram(self) -> JointHistogram:
        """Joint histogram of the panoptic ids; where only labels are there, of ids ``label * DIVISOR``.

        Raises:
            ValueError, TypeError: If sizes differ or a map does not hold integers; naming video and frame.
        """
        gt, pred, factor = self.gt_panoptic, self.pred_panoptic, 1
        if gt is None or pred is None:
            gt, pred, factor = self.gt_labels, self.pred_labels, DIVISOR
        try:
            counted = joint_histogram(gt, pred)
        except (ValueError, TypeError) as error:
            raise type(error)(f'{self.where}: {error}') from error
        return JointHistogram(counted.gt_ids * factor, counted.pred_ids * factor, counted.counts)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the frame.

        Raises:
            KeyError: If the metainfo lacks ``ori_shape``.
        """
        if 'ori_shape' not in self.sample:
            raise KeyError(f"{self.where}: no 'ori_shape' in the metainfo of the frame result")
        height, width = self.sample['ori_shape'][:2]
        return int(height), int(width)

    def _has(self, key: str, field: str) -> bool:
        data = self.sample.get(key)
        return isinstance(data, np.ndarray) or hasattr(data, 'detach') or _field(data, field) is not None

    def _map(self, key: str, field: str) -> np.ndarray | None:
        """A (H, W) map: of integers as a bare array, or in a field of a container."""
        data = self.sample.get(key)
        array = _array(data if isinstance(data, np.ndarray) or hasattr(data, 'detach') else _field(data, field))
        if array is not None and array.ndim == 3 and len(array) == 1:
            array = array[0]
        if array is not None and array.ndim != 2:
            raise ValueError(f'{self.where}: {key} has shape {array.shape}, expected (H, W) or (1, H, W)')
        return array


class BatchFrames:
    """Views of the latest batch: several metrics are handed the same frame results one after the other."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget the batch."""
        self._samples: Sequence[Any] | None = None
        self._views: dict[int, FrameView] = {}

    def get(self, samples: Sequence[Any], index: int, num_things: int) -> FrameView:
        """The view of frame ``index`` of a batch, made at the first request.

        Args:
            samples: The list given to ``process``; another list object is another batch.
            index: Position in it.
            num_things: Labels below are things.
        """
        if samples is not self._samples:
            self._samples, self._views = samples, {}
        fresh, kept = FrameView(samples[index], num_things), self._views.get(index)
        # Identity and name: a caller may refill the same list, or the same dict, with the next frames.
        is_same = kept is not None and kept.sample is fresh.sample and kept.where == fresh.where
        if not is_same or kept.num_things != num_things:
            kept = self._views[index] = fresh
        return kept


def _field(data: Any, name: str) -> Any:
    """An entry of a dict or of one of mmengine's containers, None if there is none."""
    if isinstance(data, Mapping):
        return data.get(name)
    return getattr(data, name, None)


def _array(data: Any) -> np.ndarray | None:
    if data is None:
        return None
    return data.detach().cpu().numpy() if hasattr(data, 'detach') else np.asarray(data)


def _painted(masks: np.ndarray, ids: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Numbers of masks (n, H, W) as one map; the later covers the earlier."""
    painted = np.zeros(size, np.int64)
    for mask, number in zip(masks, ids.tolist(), strict=True):
        painted[mask.astype(bool)] = number
    return painted
