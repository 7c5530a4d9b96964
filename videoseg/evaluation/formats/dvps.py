"""Cityscapes-DVPS: panoptic video with depth."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from videoseg.evaluation.formats.png import open_png, save_png
from videoseg.structures.ids import DIVISOR, VOID_ID, VOID_LABEL

PANOPTIC_SUFFIX = '_gtFine_instanceTrainIds.png'
DEPTH_SUFFIX = '_depth.png'
DEPTH_SCALE = 256
"""Value of a depth PNG for one metre."""

_FILE_DIVISOR = 1000
_NAME = re.compile(r'(\d{6})_(\d{6})(_.*)?')


class DVPS:
    """Reads and writes the files of Cityscapes-DVPS (``specs/evaluators.md`` sections 4 and 10).

    Ground truth is one flat folder::

        <seq, 6 digits>_<frame, 6 digits>_<rest>_gtFine_instanceTrainIds.png   16 bit, class * 1000 + instance
        <seq>_<frame>_<rest>_depth.png                                         16 bit, metres * 256, 0 = unknown

    with train ids as classes and 32 as void. Predictions have the same file names in ``panoptic/`` and ``depth/``.
    There a panoptic PNG has two channels, class and instance, of 8 bits: grey with alpha, or RGB with B = 0; void may
    also be the number of classes, as ViP-DeepLab writes it.

    Args:
        raw_ids: Class in the files of every model label.
        void_raw_id: Class of void pixels in ground truth and predictions. Default 32.

    Raises:
        ValueError: If the table has an id twice, or one that does not fit into 16 bits with 999 instances.
    """

    def __init__(self, raw_ids: Sequence[int], void_raw_id: int = 32) -> None:
        raw_ids = [int(x) for x in raw_ids]
        highest = ((1 << 16) - 1) // _FILE_DIVISOR - 1
        if not 0 <= void_raw_id <= highest + 1:
            raise ValueError(f'void_raw_id is {void_raw_id}, expected a class id in [0, {highest + 1}]')
        if len(set(raw_ids)) != len(raw_ids) or not all(0 <= x <= highest and x != void_raw_id for x in raw_ids):
            raise ValueError(
                f'raw_ids {raw_ids} must be distinct, in [0, {highest}] and without the void {void_raw_id}'
            )
        self.raw_ids = tuple(raw_ids)
        self.void_raw_id = void_raw_id
        self._to_label = np.full(256, -1, np.int32)
        self._to_label[raw_ids] = np.arange(len(raw_ids))
        self._to_label[void_raw_id] = VOID_LABEL
        self._pred_to_label = self._to_label.copy()
        if len(raw_ids) not in raw_ids:
            self._pred_to_label[len(raw_ids)] = VOID_LABEL

    @staticmethod
    def list_frames(folder: str | Path, suffix: str = PANOPTIC_SUFFIX) -> dict[str, dict[str, Path]]:
        """Find the frames of a folder.

        Args:
            folder: Folder of PNGs.
            suffix: Which of them. Default the panoptic maps.

        Returns:
            Sequence -> file name without suffix -> file; both in the order of their numbers.

        Raises:
            FileNotFoundError: If there is no such folder.
            ValueError: If a name is not ``<seq>_<frame>...``, or a frame is there twice.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise FileNotFoundError(f'{folder}: folder missing')
        videos: dict[str, dict[str, Path]] = {}
        seen = set()
        for path in sorted(folder.glob(f'*{suffix}')):
            stem = path.name.removesuffix(suffix)
            match = _NAME.fullmatch(stem)
            if match is None:
                raise ValueError(f'{path}: file names must begin with <seq, 6 digits>_<frame, 6 digits>')
            if match.group(1, 2) in seen:
                raise ValueError(f'{path}: video {match[1]!r}, frame {match[2]!r} is there twice')
            seen.add(match.group(1, 2))
            videos.setdefault(match[1], {})[stem] = path
        return videos

    def read_gt(self, path: str | Path, size: tuple[int, int] | None = None) -> np.ndarray:
        """Read a ground truth map.

        Returns:
            (H, W) int32 panoptic ids with model labels; void pixels keep their instance (VPQ's label-divisor rules
            tell void with and without instance apart).

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is no 16-bit grey PNG of that size or holds a class that the table lacks.
        """
        values = open_png(path, ('I;16', 'I'), size).astype(np.int32)
        labels = self._labels(self._to_label, values // _FILE_DIVISOR, path)
        return labels * DIVISOR + values % _FILE_DIVISOR

    def read_pred(self, path: str | Path, size: tuple[int, int] | None = None) -> np.ndarray:
        """Read a predicted map of two channels.

        Returns:
            (H, W) int32 panoptic ids with model labels; void pixels lose their instance.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is no such PNG, has a blue channel, or holds a class that the table lacks.
        """
        channels = open_png(path, ('LA', 'RGB'), size)
        if channels.shape[2] == 3 and channels[..., 2].any():
            raise ValueError(f'{path}: the third channel is not 0; expected two channels, class and instance')
        labels = self._labels(self._pred_to_label, channels[..., 0], path)
        return np.where(labels == VOID_LABEL, VOID_ID, labels * DIVISOR + channels[..., 1])

    @staticmethod
    def read_depth(path: str | Path, size: tuple[int, int] | None = None) -> np.ndarray:
        """Read depth.

        Returns:
            (H, W) int32, metres * 256, 0 = unknown: signed, so that differences do not wrap.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is no 16-bit grey PNG of that size.
        """
        return open_png(path, ('I;16', 'I'), size, 'depth map').astype(np.int32)

    def write_gt(self, path: str | Path, ids: np.ndarray) -> None:
        """Write a map in the layout of the ground truth.

        Raises:
            ValueError: If a label has no class, or an instance number is above 999.
        """
        raw, instances = self._to_raw(path, ids, _FILE_DIVISOR - 1)
        save_png(path, (raw * _FILE_DIVISOR + instances).astype(np.uint16))

    def write_pred(self, path: str | Path, ids: np.ndarray) -> None:
        """Write a predicted map as RGB: class, instance, 0.

        Raises:
            ValueError: If a label has no class, or an instance number is above 255.
        """
        raw, instances = self._to_raw(path, ids, 255)
        save_png(path, np.stack([raw, instances, np.zeros_like(raw)], axis=-1).astype(np.uint8))

    @staticmethod
    def write_depth(path: str | Path, depth: np.ndarray) -> None:
        """Write depth.

        Args:
            path: The PNG.
            depth: (H, W) metres, 0 = unknown; at most 255.99.

        Raises:
            ValueError: If a depth is negative, not finite or too large.
        """
        depth = np.asarray(depth, np.float64)
        if depth.size and not (np.isfinite(depth).all() and depth.min() >= 0 and depth.max() * DEPTH_SCALE < 65535.5):
            raise ValueError(f'{path}: depth must be finite and in [0, 256) metres')
        save_png(path, np.rint(depth * DEPTH_SCALE).astype(np.uint16))

    def _labels(self, to_label: np.ndarray, raw: np.ndarray, path: str | Path) -> np.ndarray:
        labels = to_label[raw]
        if (labels < 0).any():
            unknown = np.unique(raw[labels < 0]).tolist()
            raise ValueError(
                f'{path}: classes {unknown[:5]} are neither in the table {list(self.raw_ids)} nor void '
                f'({self.void_raw_id})'
            )
        return labels

    def _to_raw(self, path: str | Path, ids: np.ndarray, max_instance: int) -> tuple[np.ndarray, np.ndarray]:
        ids = np.asarray(ids)
        if ids.ndim != 2 or ids.dtype.kind not in 'iu':
            raise ValueError(f'{path}: expected a 2-d map of integer ids, got shape {ids.shape} of type {ids.dtype}')
        labels, instances = ids.astype(np.int64) // DIVISOR, ids.astype(np.int64) % DIVISOR
        known = (labels >= 0) & (labels < len(self.raw_ids))
        is_void = labels == VOID_LABEL
        if not (known | is_void).all():
            bad = np.unique(labels[~(known | is_void)]).tolist()
            raise ValueError(f'{path}: model labels {bad[:5]} are not in the table of {len(self.raw_ids)} classes')
        if instances[known].size and instances[known].max() > max_instance:
            raise ValueError(f'{path}: instance number {instances[known].max()} is above {max_instance}')
        raw = np.where(is_void, self.void_raw_id, np.asarray(self.raw_ids)[np.where(known, labels, 0)])
        return raw, np.where(is_void, 0, instances)
