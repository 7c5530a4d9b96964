"""Clips from still images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from videoseg.datasets.transforms.affine_motion import (
    AffineMotion,
    path_matrices,
    sample_bilinear,
    sample_nearest,
    source_positions,
    warp_frame,
)
from videoseg.datasets.transforms.object_cutter import CutObject, ObjectCutter
from videoseg.registry import TRANSFORMS
from videoseg.structures.ids import DIVISOR, MAX_INSTANCE, VOID_ID

_NO_MOTION = dict(max_translation=0.0, max_rotation=0.0, max_scale=0.0, max_shear=0.0)


@TRANSFORMS.register_module()
class PseudoClip(BaseTransform):
    """Turn T copies of an image into a clip: smooth affine motion, and objects of other images that pass in front.

    One line in a pipeline, between the ``TransformBroadcaster`` that loads and augments and ``ClipCrop`` or
    ``PackClipInputs``; the lists stay what they are, so every decoder trains on the result. Of an image data set
    ``ClipSample(consecutive=T)`` gives T copies, or ``ClipSample(num_refs=R)`` a key frame with R references::

        dict(type='ClipSample', consecutive=4),
        dict(type='TransformBroadcaster', share_random_params=True, transforms=augmentation),
        dict(type='PseudoClip', occluders=dict(type='COCOPanopticImageDataset', ...)),
        dict(type='PackClipInputs'),

    Frame 0, the key frame, stays as it is; the others move away from it, so a clip of one frame does not move. Ids are
    those of the image in every frame. Pixels that the image has left are void and have the colour ``fill``. Pasted
    objects get numbers of their own, constant over the clip, and move on their own; they pass over the place of an
    instance of the clip (with probability ``aim_prob``), in a frame that is drawn. Images are sampled bilinearly, maps
    by nearest neighbour, from the same positions. All draws come from ``numpy.random``, hence from the seed of the
    sample. Frames of a real video are moved likewise, as by a shaking camera.

    Required keys: lists ``img``, ``gt_seg_map``, ``img_path``, ``label_map``. Changed: ``img``, ``gt_seg_map``; of
    copies of one image also ``frame_id``, ``video_length`` and ``window_start``, which become those of a video of T
    frames. ``gt_raw_seg`` is dropped.

    Source: training on synthetic clips of static images, as in Perazzi et al., MaskTrack, CVPR 2017, and Oh et al.,
    STM, ICCV 2019, section 3.5; ``specs/video_knet.md`` uses COCO for pre-training.

    Args:
        motion: Changes to the bounds of :class:`AffineMotion` for the image; None for those of that class, False for
            an image that does not move.
        occluders: Config of the data set whose objects are pasted, of the same classes; None to paste none. It may be
            that of the images: an object never comes from an image of the clip.
        num_occluders: Least and most objects.
        occluder_size: Least and most longer side of an object, as a share of the shorter side of the frame.
        occluder_motion: As ``motion``, for the objects; twice as far and 1.5 times as much rotation by default.
        aim_prob: Probability that an object passes over an instance rather than over any place.
        paste_as: ``'instances'`` that are to be found and tracked, or ``'void'``, which is right for occluders of other
            classes than the clip's.
        min_object_area: Smallest object in pixels of its own image.
        fill: BGR colour where the image has left; by default that of the padding after normalisation.

    Raises:
        ValueError: If an argument is out of its range.
        TypeError: If a motion has an unknown key.
    """

    def __init__(
        self,
        motion: Mapping[str, float] | bool | None = None,
        occluders: Mapping[str, Any] | None = None,
        num_occluders: tuple[int, int] = (1, 2),
        occluder_size: tuple[float, float] = (0.2, 0.6),
        occluder_motion: Mapping[str, float] | bool | None = None,
        aim_prob: float = 0.7,
        paste_as: str = 'instances',
        min_object_area: int = 400,
        fill: Sequence[float] = (103.53, 116.28, 123.675),
    ) -> None:
        name = type(self).__name__
        if len(num_occluders) != 2 or not 0 <= num_occluders[0] <= num_occluders[1]:
            raise ValueError(f'{name}: num_occluders must be (least, most), got {num_occluders}')
        if len(occluder_size) != 2 or not 0 < occluder_size[0] <= occluder_size[1]:
            raise ValueError(
                f'{name}: occluder_size must be (least, most) share of the frame above 0, got {occluder_size}'
            )
        if not 0 <= aim_prob <= 1:
            raise ValueError(f'{name}: aim_prob must be in [0, 1], got {aim_prob}')
        if paste_as not in ('instances', 'void'):
            raise ValueError(f"{name}: paste_as must be 'instances' or 'void', got {paste_as!r}")
        if len(fill) != 3 or not all(0 <= c <= 255 for c in fill):
            raise ValueError(f'{name}: fill must be a BGR colour in [0, 255], got {tuple(fill)}')
        self.motion = _bounds(motion, {})
        self.occluder_motion = _bounds(occluder_motion, dict(max_translation=0.1, max_rotation=6.0))
        self.cutter = None if occluders is None else ObjectCutter(occluders, min_object_area)
        self.num_occluders = tuple(num_occluders)
        self.occluder_size = tuple(occluder_size)
        self.aim_prob = aim_prob
        self.paste_as = paste_as
        self.fill = tuple(fill)

    def transform(self, results: dict[str, list]) -> dict[str, list]:
        """Move the frames, paste objects.

        Raises:
            KeyError: If images or maps have not been loaded.
            ValueError: If a frame has no labels, sizes differ, the occluders have other classes than the clip
                (``paste_as='instances'``), or instance numbers run out.
        """
        size = self._checked_size(results)
        count = len(results['img'])
        matrices = path_matrices(self.motion.draw(count), size)
        warped = [
            warp_frame(image, ids, matrix, self.fill)
            for image, ids, matrix in zip(results['img'], results['gt_seg_map'], matrices, strict=True)
        ]
        images, maps = [pair[0] for pair in warped], [pair[1] for pair in warped]
        if self.cutter is not None:
            self._paste_objects(images, maps, results)
        changed = dict(img=images, gt_seg_map=maps)
        if len(set(results['img_path'])) == 1:
            changed.update(frame_id=list(range(count)), video_length=[count] * count, window_start=[0] * count)
        return {key: values for key, values in results.items() if key != 'gt_raw_seg'} | changed

    def _checked_size(self, results: dict[str, list]) -> tuple[int, int]:
        """(H, W) of all frames."""
        name = type(self).__name__
        if missing := [key for key in ('img', 'gt_seg_map') if key not in results]:
            raise KeyError(
                f'{name}: no {missing[0]}; it stands after the TransformBroadcaster that loads images and maps'
            )
        for image, ids, path in zip(results['img'], results['gt_seg_map'], results['img_path'], strict=True):
            if ids is None:
                raise ValueError(f'{name}: {path}: this frame has no labels to train on')
            if ids.shape != image.shape[:2]:
                raise ValueError(
                    f'{name}: {path}: image {image.shape[:2]}, panoptic map {ids.shape}; in training LoadPanopticMap '
                    'stands before Resize'
                )
            if ids.shape != results['gt_seg_map'][0].shape:
                raise ValueError(
                    f'{name}: {path}: frame of size {ids.shape} in a clip of {results["gt_seg_map"][0].shape}; use '
                    'TransformBroadcaster(share_random_params=True)'
                )
        return results['img'][0].shape[:2]

    def _paste_objects(self, images: list[np.ndarray], maps: list[np.ndarray], results: dict[str, list]) -> None:
        if self.paste_as == 'instances':
            self._check_classes(results)
        wanted = int(np.random.randint(self.num_occluders[0], self.num_occluders[1] + 1))
        numbers = iter(_free_numbers(maps, wanted, results['img_path'][0]))
        own = set(results['img_path'])
        size = images[0].shape[:2]
        for _ in range(wanted):
            found = self.cutter.draw(own)
            if found is None:
                return
            share = np.random.uniform(*self.occluder_size)
            found = found.resized(max(round(share * min(size)), 1))
            number = VOID_ID if self.paste_as == 'void' else found.label * DIVISOR + next(numbers)
            for image, ids, matrix in zip(images, maps, self._object_matrices(found, maps), strict=True):
                _paste(image, ids, found, matrix, number)

    def _check_classes(self, results: dict[str, list]) -> None:
        ours, theirs = results['label_map'][0], self.cutter.label_map
        if (ours.classes, ours.num_things) != (theirs.classes, theirs.num_things):
            raise ValueError(
                f'{type(self).__name__}: {results["img_path"][0]}: the occluders have {len(theirs.classes)} classes '
                f'({", ".join(theirs.classes[:3])} ...), the clip has {len(ours.classes)} '
                f"({', '.join(ours.classes[:3])} ...); give both the same metainfo, or paste_as='void'"
            )

    def _object_matrices(self, found: CutObject, maps: Sequence[np.ndarray]) -> np.ndarray:
        """(T, 3, 3) from the object's own pixels to frame t."""
        size = maps[0].shape
        path = self.occluder_motion.draw(len(maps))
        meeting = int(np.random.randint(len(maps)))
        path = path - path[meeting]
        target = self._meeting_point(maps[meeting])
        height, width = found.mask.shape
        middle = (width - 1) / 2, (height - 1) / 2
        matrices = path_matrices(path, size, middle)
        matrices[:, :2, 2] += target - np.array(middle)
        return matrices

    def _meeting_point(self, panoptic: np.ndarray) -> np.ndarray:
        """x and y of a pixel: of an instance, each being as likely, or any."""
        instances = np.unique(panoptic[((panoptic & MAX_INSTANCE) > 0) & (panoptic < VOID_ID)])
        if np.random.uniform() < self.aim_prob and len(instances):
            pixels = np.flatnonzero(panoptic == np.random.choice(instances))
            place = int(np.random.choice(pixels))
        else:
            place = int(np.random.randint(panoptic.size))
        return np.array([place % panoptic.shape[1], place // panoptic.shape[1]], np.float64)

    def __repr__(self) -> str:
        source = None if self.cutter is None else type(self.cutter.dataset).__name__
        return (
            f'{type(self).__name__}(motion={self.motion}, occluders={source}, num_occluders={self.num_occluders}, '
            f'occluder_size={self.occluder_size}, occluder_motion={self.occluder_motion}, aim_prob={self.aim_prob}, '
            f'paste_as={self.paste_as!r}, fill={self.fill})'
        )


def _bounds(given: Mapping[str, float] | bool | None, defaults: dict[str, float]) -> AffineMotion:
    if given is False:
        return AffineMotion(**_NO_MOTION)
    if given is True:
        raise ValueError('PseudoClip: a motion is a dict of bounds, None for the default, or False for none')
    return AffineMotion(**defaults | dict(given or {}))


def _free_numbers(maps: Sequence[np.ndarray], count: int, source: str) -> list[int]:
    """The lowest instance numbers that no frame has under any label."""
    used = np.unique(np.concatenate([np.unique(ids & MAX_INSTANCE) for ids in maps]))
    free = np.setdiff1d(np.arange(1, min(len(used) + count, MAX_INSTANCE) + 1), used)[:count]
    if len(free) < count:
        raise ValueError(f'PseudoClip: {source}: no {count} instance numbers are left; they end at {MAX_INSTANCE}')
    return free.tolist()


def _paste(image: np.ndarray, ids: np.ndarray, found: CutObject, matrix: np.ndarray, number: int) -> None:
    """Paint an object into a frame and its map, both in place."""
    height, width = found.mask.shape
    corners = np.array([[-0.5, width - 0.5, -0.5, width - 0.5], [-0.5, -0.5, height - 0.5, height - 0.5], [1.0] * 4])
    x, y = (matrix @ corners)[:2]
    rows = range(max(int(np.floor(y.min())), 0), min(int(np.ceil(y.max())) + 1, ids.shape[0]))
    columns = range(max(int(np.floor(x.min())), 0), min(int(np.ceil(x.max())) + 1, ids.shape[1]))
    if not rows or not columns:
        return
    places = source_positions(matrix, rows, columns)
    mask = sample_nearest(found.mask.view(np.uint8), *places, outside=0).view(bool)
    window = np.s_[rows.start : rows.stop, columns.start : columns.stop]
    image[window][mask] = sample_bilinear(found.image, *places)[mask]
    ids[window][mask] = number
