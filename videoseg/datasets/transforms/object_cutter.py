"""Objects cut out of other images."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import cv2
import numpy as np
from mmcv.transforms import LoadImageFromFile

from videoseg.datasets.frame_lists import select_frames
from videoseg.datasets.label_map import LabelMap
from videoseg.datasets.transforms.load_instance_tracks import LoadInstanceTracks
from videoseg.datasets.transforms.load_panoptic_map import LoadPanopticMap
from videoseg.registry import DATASETS
from videoseg.structures.ids import MAX_INSTANCE, decode_ids


class CutObject(NamedTuple):
    """An object and its surroundings.

    Attributes:
        image: (h, w, 3) uint8 BGR, its bounding box.
        mask: (h, w) bool.
        label: Model label.
    """

    image: np.ndarray
    mask: np.ndarray
    label: int

    def resized(self, longer_side: int) -> 'CutObject':
        """The object with the longer side of its box brought to a number of pixels."""
        height, width = self.mask.shape
        factor = longer_side / max(height, width)
        size = max(round(width * factor), 1), max(round(height * factor), 1)
        image = cv2.resize(self.image, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
        mask = cv2.resize(self.mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST).view(bool)
        return CutObject(image, mask, self.label)


class ObjectCutter:
    """Draw instances from the frames of a data set.

    Args:
        dataset: Config of a data set with training labels, panoptic or instance; its pipeline is not used. With
            ``lazy_init=True`` the disk is looked at when the first object is drawn.
        min_area: Smallest instance in pixels.
        max_tries: Frames to look at for one.

    Raises:
        TypeError: If the data set does not give videos with key frames.
        ValueError: If it is empty or a number is out of its range.
    """

    def __init__(self, dataset: Mapping[str, Any], min_area: int = 400, max_tries: int = 10) -> None:
        if min_area < 1 or max_tries < 1:
            raise ValueError(f'ObjectCutter: min_area and max_tries must be at least 1, got {min_area} and {max_tries}')
        cfg = dict(dataset, pipeline=[])
        self.dataset = DATASETS.build(cfg)
        if not isinstance(getattr(self.dataset, 'label_map', None), LabelMap):
            raise TypeError(f'ObjectCutter: {cfg["type"]} is no data set of videos or images with panoptic labels')
        if getattr(self.dataset, 'test_mode', False):
            raise ValueError(f'ObjectCutter: {cfg["type"]} has test_mode=True; objects are cut from training data')
        if not cfg.get('lazy_init', False):
            self._open()
        self.min_area = min_area
        self.max_tries = max_tries
        self._load = LoadImageFromFile()
        self._load_map, self._load_instances = LoadPanopticMap(), LoadInstanceTracks()

    @property
    def label_map(self) -> LabelMap:
        """Classes of the objects."""
        self.dataset.full_init()
        return self.dataset.label_map

    def draw(self, not_from: set[str]) -> CutObject | None:
        """An instance of a random frame, each frame and each of its instances being as likely.

        Args:
            not_from: Paths of images that must not be used.

        Returns:
            None if no frame that was looked at has a large enough instance.

        Raises:
            FileNotFoundError, ValueError: At the first call with ``lazy_init``: as the data set, or if it is empty.
        """
        self._open()
        for _ in range(self.max_tries):
            video = self.dataset.get_data_info(int(np.random.randint(len(self.dataset))))
            if video['img_paths'][video['key_frame']] in not_from:
                continue
            frame = {key: values[0] for key, values in select_frames(video, [video['key_frame']]).items()}
            frame = self._load(frame)
            load_labels = self._load_instances if frame.get('instances') is not None else self._load_map
            if (found := self._cut(load_labels(frame))) is not None:
                return found
        return None

    def _open(self) -> None:
        self.dataset.full_init()
        if not len(self.dataset):
            raise ValueError(f'ObjectCutter: {type(self.dataset).__name__} has no frames to cut objects from')

    def _cut(self, frame: dict[str, Any]) -> CutObject | None:
        panoptic = frame['gt_seg_map']
        ids, areas = np.unique(panoptic[(panoptic & MAX_INSTANCE) > 0], return_counts=True)
        ids = ids[(areas >= self.min_area) & (decode_ids(ids)[0] < self.label_map.num_things)]
        if not len(ids):
            return None
        chosen = int(np.random.choice(ids))
        mask = panoptic == chosen
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return CutObject(frame['img'][box].copy(), mask[box].copy(), decode_ids(chosen)[0])
