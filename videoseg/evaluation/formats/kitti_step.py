"""Panoptic maps of KITTI-STEP and MOTChallenge-STEP, and Video-K-Net's pair of class and instance files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from videoseg.evaluation.formats.png import open_packed_rgb, open_png, save_png
from videoseg.structures.ids import DIVISOR, MAX_INSTANCE, VOID_ID, VOID_LABEL, decode_ids, encode_ids

_WHAT = 'panoptic map'


class KittiStep:
    """Reads and writes one-frame panoptic maps (``specs/evaluators.md`` section 10).

    The PNG has 8-bit RGB: R = raw class id (void 255), G * 256 + B = instance. In memory a map is (H, W) int32 of
    panoptic ids with *model* labels (:mod:`videoseg.structures.ids`).

    Args:
        raw_ids: Raw class id of every model label (``raw_ids`` of the dataset's metainfo).
        void_raw_id: Raw class id of void pixels. Default 255.

    Raises:
        ValueError: If the table has an id twice, or one that does not fit into 8 bits or is the void id.
    """

    def __init__(self, raw_ids: Sequence[int], void_raw_id: int = 255) -> None:
        raw_ids = [int(x) for x in raw_ids]
        if not 0 <= void_raw_id <= 255:
            raise ValueError(f'void_raw_id is {void_raw_id}, expected a class id in [0, 255]')
        if len(set(raw_ids)) != len(raw_ids) or not all(0 <= x <= 255 and x != void_raw_id for x in raw_ids):
            raise ValueError(f'raw_ids {raw_ids} must be distinct, in [0, 255] and without the void id {void_raw_id}')
        self.raw_ids = tuple(raw_ids)
        self.void_raw_id = void_raw_id
        self._to_label = np.full(256, -1, np.int32)
        self._to_label[raw_ids] = np.arange(len(raw_ids))
        self._to_label[void_raw_id] = VOID_LABEL
        self._to_raw = np.full(256, -1, np.int32)
        self._to_raw[: len(raw_ids)] = raw_ids
        self._to_raw[VOID_LABEL] = void_raw_id

    def read(self, path: str | Path, size: tuple[int, int] | None = None) -> np.ndarray:
        """Read a map.

        Args:
            path: The PNG.
            size: Expected (H, W). Default: any.

        Returns:
            (H, W) int32 panoptic ids with model labels; the instance part of void pixels is dropped.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is no 8-bit RGB image of that size, or holds a class that the table lacks.
        """
        raw_ids = self.read_raw(path, size)
        return self._from_raw(raw_ids >> 16, raw_ids & MAX_INSTANCE, path)

    @staticmethod
    def read_raw(path: str | Path, size: tuple[int, int] | None = None) -> np.ndarray:
        """Read a map as it is in the file; :meth:`to_labels` translates its few ids instead of its pixels.

        Args:
            path: The PNG.
            size: Expected (H, W). Default: any.

        Returns:
            (H, W) int32, raw class id * 65536 + instance.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is no 8-bit RGB image of that size.
        """
        return open_packed_rgb(path, size, red_first=False, what=_WHAT)

    def to_labels(self, raw_ids: np.ndarray, where: str | Path) -> np.ndarray:
        """Panoptic ids with model labels of ids with raw classes, of any shape.

        Args:
            raw_ids: Raw class id * 65536 + instance.
            where: The file, for the message.

        Raises:
            ValueError: If a class is not in the table.
        """
        return self._from_raw(raw_ids // DIVISOR, raw_ids % DIVISOR, where)

    def write(self, path: str | Path, ids: np.ndarray) -> None:
        """Write a map; missing folders are made.

        Args:
            path: The PNG.
            ids: (H, W) panoptic ids with model labels.

        Raises:
            ValueError: If the map holds a class that the table lacks or is no 2-d integer array.
        """
        labels, instances = self._split(path, ids)
        self.write_labels(path, labels, instances)

    def write_labels(self, path: str | Path, labels: np.ndarray, instances: np.ndarray) -> None:
        """Write a map given as labels and instance numbers.

        Args:
            path: The PNG.
            labels: (H, W) model labels, 255 = void.
            instances: (H, W) instance numbers.

        Raises:
            ValueError: If a class is not in the table or an instance number does not fit into 16 bits.
        """
        raw, instances = self._to_file(path, labels, instances)
        rgb = np.stack([raw, (instances // 256).astype(np.uint8), (instances % 256).astype(np.uint8)], axis=-1)
        save_png(path, rgb)

    def read_pair(
        self, class_path: str | Path, instance_path: str | Path, size: tuple[int, int] | None = None
    ) -> np.ndarray:
        """Read a map from two files, see :meth:`write_pair`; result and errors as in :meth:`read`."""
        raw = open_png(class_path, ('L',), size, _WHAT)
        instances = open_png(instance_path, ('I;16', 'I', 'L'), raw.shape, _WHAT)
        if instances.size and not 0 <= int(instances.min()) <= int(instances.max()) <= MAX_INSTANCE:
            raise ValueError(f'{instance_path}: instance numbers beyond {MAX_INSTANCE}')
        return self._from_raw(raw, instances.astype(np.int32), class_path)

    def write_pair(self, class_path: str | Path, instance_path: str | Path, ids: np.ndarray) -> None:
        """Write a map as the two-channel submission ``<frame>_cat.png`` (8 bit) and ``<frame>_ins.png`` (16 bit).

        Args:
            class_path: The PNG of raw class ids.
            instance_path: The PNG of instance numbers.
            ids: (H, W) panoptic ids with model labels.

        Raises:
            ValueError: As in :meth:`write`.
        """
        raw, instances = self._to_file(class_path, *self._split(class_path, ids))
        save_png(class_path, raw)
        save_png(instance_path, instances.astype(np.uint16))

    def _from_raw(self, raw: np.ndarray, instances: np.ndarray, path: str | Path) -> np.ndarray:
        labels = self._to_label[raw]
        if (labels < 0).any():
            unknown = np.unique(raw[labels < 0]).tolist()
            raise ValueError(f'{path}: raw class ids {unknown} are not in the table {list(self.raw_ids)}')
        ids = encode_ids(labels, instances)
        ids[labels == VOID_LABEL] = VOID_ID
        return ids

    def _split(self, path: str | Path, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ids = np.asarray(ids)
        if ids.ndim != 2 or ids.dtype.kind not in 'iu':
            raise ValueError(f'{path}: expected a 2-d map of integer ids, got shape {ids.shape} of type {ids.dtype}')
        if ids.size and not 0 <= int(ids.min()) <= int(ids.max()) < 256 * DIVISOR:
            raise ValueError(f'{path}: panoptic ids must be in [0, {256 * DIVISOR})')
        return decode_ids(ids.astype(np.int64))

    def _to_file(self, path: str | Path, labels: np.ndarray, instances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        labels, instances = np.asarray(labels), np.asarray(instances)
        if instances.size and not 0 <= int(instances.min()) <= int(instances.max()) <= MAX_INSTANCE:
            raise ValueError(
                f'{path}: instance numbers {instances.min()} ... {instances.max()} do not fit into [0, {MAX_INSTANCE}]'
            )
        in_range = (labels >= 0) & (labels <= 255)
        raw = np.where(in_range, self._to_raw[np.where(in_range, labels, 0)], -1)
        if (raw < 0).any():
            unknown = np.unique(labels[raw < 0]).tolist()
            raise ValueError(
                f'{path}: model labels {unknown} have no raw id; the table has {len(self.raw_ids)} classes'
            )
        return raw.astype(np.uint8), np.where(labels == VOID_LABEL, 0, instances)
