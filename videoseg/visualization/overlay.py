"""Panoptic results drawn over a picture."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from videoseg.structures.ids import VOID_LABEL, decode_ids
from videoseg.visualization.label_placer import LabelPlacer
from videoseg.visualization.palette import class_colors, track_colors


class PanopticOverlay:
    """Draws translucent segments, contours and labels over a frame.

    Things have the colour of their track, stuff and things without a track (instance 0) that of their class; void stays
    as it is. The result depends on the arguments of the call only: frames can be drawn in any order.

    Args:
        classes: Names in model-label order.
        num_things: Labels below it are things.
        palette: RGB per class; None makes one.
        scale: Enlargement of the picture; None takes the smallest whole number that brings the longer side to 720.
        thing_alpha: Opacity of things in [0, 1].
        stuff_alpha: Opacity of stuff in [0, 1].
        contours: Draw the outlines of segments.
        labels: Write class and track id into segments.
        min_label_area: Segments below this part of the picture are not labelled.
        font_size: Pixels; None chooses by the size of the picture.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        classes: Sequence[str],
        num_things: int,
        palette: Sequence[Sequence[int]] | None = None,
        scale: float | None = None,
        thing_alpha: float = 0.6,
        stuff_alpha: float = 0.4,
        contours: bool = True,
        labels: bool = True,
        min_label_area: float = 0.0008,
        font_size: int | None = None,
    ) -> None:
        if not 0 <= num_things <= len(classes):
            raise ValueError(f'num_things must be from 0 to {len(classes)} (the number of classes), got {num_things}')
        if scale is not None and scale <= 0:
            raise ValueError(f'scale must be positive, got {scale}')
        for name, value in (('thing_alpha', thing_alpha), ('stuff_alpha', stuff_alpha)):
            if not 0 <= value <= 1:
                raise ValueError(f'{name} must lie in [0, 1], got {value}')
        self.classes = tuple(classes)
        self.num_things = num_things
        self.class_colors = class_colors(len(self.classes), palette)
        self.scale = scale
        self.thing_alpha = thing_alpha
        self.stuff_alpha = stuff_alpha
        self.contours = contours
        self.labels = labels
        self.min_label_area = min_label_area
        self.font_size = font_size

    @classmethod
    def from_meta(cls, metainfo: Mapping[str, Any], **options: Any) -> 'PanopticOverlay':
        """An overlay for a dataset.

        Args:
            metainfo: Needs the keys ``classes`` and ``num_things``, may have ``palette``.
            options: Further arguments of the class.

        Raises:
            KeyError: If a key is missing.
        """
        missing = [key for key in ('classes', 'num_things') if key not in metainfo]
        if missing:
            raise KeyError(f'drawing needs the dataset metainfo keys {missing}; there are {sorted(metainfo)}')
        return cls(metainfo['classes'], metainfo['num_things'], metainfo.get('palette'), **options)

    def __call__(
        self,
        image: np.ndarray,
        panoptic: np.ndarray,
        scores: Mapping[int, float] | None = None,
        name: str = 'frame',
    ) -> np.ndarray:
        """Draw one frame.

        Args:
            image: (H, W, 3) uint8 BGR.
            panoptic: (H, W) or (1, H, W) integer panoptic ids (:mod:`videoseg.structures.ids`).
            scores: Confidence by panoptic id, added to the labels of these segments.
            name: What errors call the frame.

        Returns:
            (H * scale, W * scale, 3) uint8 BGR.

        Raises:
            ValueError: If shapes or types do not fit, or a label is not a class.
        """
        panoptic = self._check(image, panoptic, name)
        ids, segment_map = np.unique(panoptic, return_inverse=True)
        image, segment_map = self._enlarge(image, segment_map.reshape(panoptic.shape).astype(np.int32))
        colors, alphas = self._styles(ids, name)
        picture = _blend(image, colors[segment_map], alphas[segment_map])
        if self.contours:
            self._draw_contours(picture, segment_map, colors, alphas, ids)
        if self.labels:
            self._write_labels(picture, segment_map, ids, colors, scores or {})
        return picture

    def plain(self, image: np.ndarray) -> np.ndarray:
        """The frame without results, enlarged like the drawn one (for panels side by side)."""
        return self._enlarge(image, np.zeros(image.shape[:2], np.int32))[0]

    @staticmethod
    def _check(image: np.ndarray, panoptic: np.ndarray, name: str) -> np.ndarray:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f'{name}: the image must be uint8 (H, W, 3), got {image.dtype} {image.shape}')
        if panoptic.ndim == 3 and panoptic.shape[0] == 1:
            panoptic = panoptic[0]
        if panoptic.shape != image.shape[:2] or not np.issubdtype(panoptic.dtype, np.integer):
            raise ValueError(
                f'{name}: the panoptic map must be integer with the size of the image {image.shape[:2]}, '
                f'got {panoptic.dtype} {panoptic.shape}'
            )
        return panoptic

    def _enlarge(self, image: np.ndarray, segment_map: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scale = self.scale or max(1, -(-720 // max(image.shape[:2])))
        if scale == 1:
            return image.copy(), segment_map
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        interpolation = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        segment_map = cv2.resize(segment_map, size, interpolation=cv2.INTER_NEAREST_EXACT)
        return cv2.resize(image, size, interpolation=interpolation), segment_map

    def _styles(self, ids: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
        """BGR colour (S, 3) and opacity (S,) of every segment; void is transparent."""
        labels, instances = decode_ids(ids)
        void = labels == VOID_LABEL
        wrong = ~void & ((labels < 0) | (labels >= len(self.classes)))
        if wrong.any():
            raise ValueError(
                f'{name}: label {int(labels[wrong][0])} (panoptic id {int(ids[wrong][0])}) is not one of the '
                f'{len(self.classes)} classes of the metainfo, nor void ({VOID_LABEL})'
            )
        things = labels < self.num_things
        tracked = things & (instances > 0)
        rgb = np.where(tracked[:, None], track_colors(instances), self.class_colors[np.where(void, 0, labels)])
        alphas = np.where(void, 0.0, np.where(things, self.thing_alpha, self.stuff_alpha))
        return rgb[:, ::-1].astype(np.float32), alphas.astype(np.float32)

    def _draw_contours(
        self, picture: np.ndarray, segment_map: np.ndarray, colors: np.ndarray, alphas: np.ndarray, ids: np.ndarray
    ) -> None:
        """Outlines on the inner side of each segment: strong for things, faint for stuff, none on void."""
        thick = max(1, round(max(picture.shape[:2]) / 700))
        kernel = np.ones((2 * thick + 1,) * 2, np.uint8)
        values = segment_map.astype(np.float32)
        edges = (cv2.dilate(values, kernel) != values) | (cv2.erode(values, kernel) != values)
        edges = cv2.GaussianBlur(edges.astype(np.float32), (3, 3), 0)
        things = (decode_ids(ids)[0] < self.num_things) & (alphas > 0)
        strength = np.where(things, 1.0, np.where(alphas > 0, 0.35, 0.0)).astype(np.float32)
        lines = np.where(things[:, None], colors * 0.55 + 255 * 0.45, colors * 0.5)
        picture[:] = _blend(picture, lines[segment_map], edges * strength[segment_map])

    def _write_labels(
        self,
        picture: np.ndarray,
        segment_map: np.ndarray,
        ids: np.ndarray,
        colors: np.ndarray,
        scores: Mapping[int, float],
    ) -> None:
        """Names of the segments in the order of their ids (things first), so that labels do not swap between frames."""
        areas = np.bincount(segment_map.ravel(), minlength=len(ids))
        labels, instances = decode_ids(ids)
        font_size = self.font_size or int(np.clip(round(np.hypot(*picture.shape[:2]) * 0.0125), 11, 40))
        placer = LabelPlacer(picture, font_size)
        for row in range(len(ids)):
            if labels[row] == VOID_LABEL or areas[row] < self.min_label_area * segment_map.size:
                continue
            text = self.classes[labels[row]]
            if instances[row] > 0:
                text += f' {instances[row]}'
            if int(ids[row]) in scores:
                text += f' {scores[int(ids[row])]:.2f}'
            placer.place(segment_map == row, text, colors[row])


def _blend(image: np.ndarray, colors: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """``alphas`` (H, W) of ``colors`` (H, W, 3) over ``image``; where alpha is 0 the image keeps its bytes."""
    mixed = image + (colors - image) * alphas[..., None]
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
