"""Cropping all frames of a clip."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from videoseg.datasets.sample_rejected import SampleRejected
from videoseg.registry import TRANSFORMS
from videoseg.structures.ids import MAX_INSTANCE, VOID_LABEL, decode_ids

Boxes = list[tuple[int, int, int, int]]


@TRANSFORMS.register_module()
class ClipCrop(BaseTransform):
    """Crop every frame of a clip at the same place.

    A crop is drawn again while it loses every instance of the key frame, or all ids that another frame shares with the
    key frame (``specs/video_knet.md`` section 3). Frames smaller than the crop keep their size in that direction; the
    data preprocessor pads.

    Required keys: lists ``img``, ``gt_seg_map``. Changed: these and ``img_shape``.

    Args:
        crop_size: (height, width) in pixels.
        share_offset: One place for all frames. False draws one a frame, for pseudo pairs of a still image.
        keep_instances: Ask for an instance in the key frame.
        keep_shared_ids: Ask for an id in common with the key frame, of every other frame.
        max_class_share: Ask that no class has this part or more of the labelled pixels of the key frame; 1: do not ask.
            mmseg's ``cat_max_ratio``.
        max_tries: Crops to draw.
        on_fail: ``'keep'`` the last crop if none will do, and do not ask for what the whole frames lack either; or
            ``'reject'`` the sample, as the reference does: it trains only on clips with shared instances.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        crop_size: tuple[int, int],
        share_offset: bool = True,
        keep_instances: bool = True,
        keep_shared_ids: bool = True,
        max_class_share: float = 1.0,
        max_tries: int = 10,
        on_fail: str = 'keep',
    ) -> None:
        if len(crop_size) != 2 or min(crop_size) < 1:
            raise ValueError(f'ClipCrop: crop_size must be (height, width) in pixels, got {crop_size}')
        if not 0 < max_class_share <= 1:
            raise ValueError(f'ClipCrop: max_class_share must be in (0, 1], got {max_class_share}')
        if max_tries < 1:
            raise ValueError(f'ClipCrop: max_tries must be at least 1, got {max_tries}')
        if on_fail not in ('keep', 'reject'):
            raise ValueError(f"ClipCrop: on_fail must be 'keep' or 'reject', got {on_fail!r}")
        self.crop_size = tuple(crop_size)
        self.share_offset = share_offset
        self.keep_instances = keep_instances
        self.keep_shared_ids = keep_shared_ids
        self.max_class_share = max_class_share
        self.max_tries = max_tries
        self.on_fail = on_fail

    def transform(self, results: dict[str, list]) -> dict[str, list]:
        """Crop the clip.

        Raises:
            ValueError: If map and image of a frame, or frames that share the offset, differ in size.
            SampleRejected: If no crop will do and ``on_fail='reject'``.
        """
        maps = results['gt_seg_map']
        shapes = [self._checked_shape(results, t) for t in range(len(maps))]
        wanted = self._met(maps) if self.on_fail == 'keep' else np.full(len(maps), True)
        for boxes in self._draw_boxes(shapes):  # noqa: B007 - the last one drawn is used below
            crops = [m[top:bottom, left:right] for m, (top, bottom, left, right) in zip(maps, boxes, strict=True)]
            if self._met(crops)[wanted].all() and self._is_mixed(crops[0]):
                break
        else:
            if self.on_fail == 'reject':
                mix = ' and a mix of classes' if self.max_class_share < 1 else ''
                raise SampleRejected(
                    f'ClipCrop: no crop of {self.max_tries} keeps an instance shared by all frames{mix}'
                )
        for t, (top, bottom, left, right) in enumerate(boxes):
            for key in ('img', 'gt_seg_map'):
                results[key][t] = np.ascontiguousarray(results[key][t][top:bottom, left:right])
            results['img_shape'][t] = (bottom - top, right - left)
        return results

    def _draw_boxes(self, shapes: list[tuple[int, int]]) -> Iterator[Boxes]:
        for _ in range(self.max_tries):
            boxes: Boxes = []
            for height, width in shapes:
                if self.share_offset and boxes:
                    boxes.append(boxes[0])
                    continue
                h, w = min(self.crop_size[0], height), min(self.crop_size[1], width)
                top, left = np.random.randint(height - h + 1), np.random.randint(width - w + 1)
                boxes.append((top, top + h, left, left + w))
            yield boxes

    def _met(self, maps: list[np.ndarray]) -> np.ndarray:
        """(T,) bool: the key frame has an instance; every other frame shares one with it."""
        key_ids = np.unique(_instance_pixels(maps[0]))
        met = [key_ids.size > 0 or not self.keep_instances]
        met += [not self.keep_shared_ids or bool(np.isin(_instance_pixels(m), key_ids).any()) for m in maps[1:]]
        return np.array(met)

    def _is_mixed(self, panoptic_map: np.ndarray) -> bool:
        if self.max_class_share == 1:
            return True
        labels = decode_ids(panoptic_map)[0]
        areas = np.bincount(labels[labels != VOID_LABEL])
        return areas.size > 0 and bool(areas.max() < self.max_class_share * areas.sum())

    def _checked_shape(self, results: dict[str, Any], t: int) -> tuple[int, int]:
        shape = results['img'][t].shape[:2]
        path = results['img_path'][t]
        if results['gt_seg_map'][t] is None:
            raise ValueError(f'ClipCrop: {path}: this frame has no labels; ClipSample takes labelled frames only')
        if results['gt_seg_map'][t].shape != shape:
            raise ValueError(
                f'ClipCrop: {path}: image {shape}, panoptic map {results["gt_seg_map"][t].shape}; in training '
                'LoadPanopticMap stands before Resize'
            )
        if self.share_offset and shape != results['img'][0].shape[:2]:
            raise ValueError(
                f'ClipCrop: {path}: frame of size {shape} in a clip of {results["img"][0].shape[:2]}; frames of a clip '
                'need one size unless share_offset=False'
            )
        return shape

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(crop_size={self.crop_size}, share_offset={self.share_offset}, '
            f'keep_instances={self.keep_instances}, keep_shared_ids={self.keep_shared_ids}, '
            f'max_class_share={self.max_class_share}, max_tries={self.max_tries}, on_fail={self.on_fail!r})'
        )


def _instance_pixels(panoptic_map: np.ndarray) -> np.ndarray:
    return panoptic_map[(panoptic_map & MAX_INSTANCE) > 0]
