"""DAVIS and YouTube-VOS: palette PNGs of object ids."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from videoseg.evaluation.formats.files import safe_join
from videoseg.evaluation.formats.frame_name import FrameName
from videoseg.evaluation.formats.png import open_png, save_png
from videoseg.structures.ids import VOID_ID

MAX_OBJECTS = 254
VOID_OBJECT = 255
DAVIS_VOID_ID = VOID_ID + 1
"""Void pixels in maps of panoptic ids, where the background is void too: an instance number tells them apart."""


def read_davis(path: str | Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """Read object ids (``specs/evaluators.md`` section 10).

    Args:
        path: Palette PNG or 8-bit grey PNG.
        size: Expected (H, W). Default: any.

    Returns:
        (H, W) uint8 ids, 0 = background, 255 = void.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such image of that size.
    """
    return open_png(path, ('P', 'L'), size)


def write_davis(path: str | Path, ids: np.ndarray) -> None:
    """Write object ids as a palette PNG; missing folders are made.

    Args:
        path: The PNG.
        ids: (H, W) integers, 0 = background, at most 254, or 255 = void.

    Raises:
        ValueError: If it is no 2-d map of integers in [0, 255].
    """
    ids = np.asarray(ids)
    if ids.ndim != 2 or ids.dtype.kind not in 'iu':
        raise ValueError(f'{path}: expected a 2-d map of integer ids, got shape {ids.shape} of type {ids.dtype}')
    if ids.size and not 0 <= int(ids.min()) <= int(ids.max()) <= VOID_OBJECT:
        raise ValueError(f'{path}: object ids {ids.min()} ... {ids.max()} do not fit into [0, {VOID_OBJECT}]')
    save_png(path, ids.astype(np.uint8), davis_palette())


@cache
def davis_palette() -> np.ndarray:
    """Colours of the ids, (256, 3) uint8: PASCAL VOC's colour map, which DAVIS uses.

    The bits of an id are dealt out to red, green and blue in turn, to the high bits of the colour first.
    """
    ids, colours = np.arange(256), np.zeros((256, 3), np.uint8)
    for bit in range(8):
        colours[:, bit % 3] |= (((ids >> bit) & 1) << (7 - bit // 3)).astype(np.uint8)
    return colours


class DavisWriter:
    """Writes ``<out_dir>/<video>/<image>.png``, palette PNGs of object ids; no json.

    Track ids are any numbers above 0. Those up to 254 that are not taken stand as they are; an id above 254 gets the
    lowest number that is free in its video.

    Args:
        out_dir: Folder of the submission; made with the first frame.
    """

    def __init__(self, out_dir: str | Path) -> None:
        self.out_dir = Path(out_dir)
        self._numbers: dict[str, dict[int, int]] = {}

    def write_frame(self, video_id: str, frame: FrameName, ids: np.ndarray) -> Path:
        """Write the PNG of a frame.

        Args:
            video_id: Name of the video.
            frame: Name of the frame.
            ids: (H, W) integer object ids, 0 = background.

        Returns:
            The PNG.

        Raises:
            ValueError: If a video has more than 254 objects, an id is negative, or a name leaves the folder.
        """
        where = f'video {video_id!r}, frame {frame.stem!r}'
        path = safe_join(self.out_dir, f'{video_id}/{frame.stem}.png', where)
        ids = np.asarray(ids)
        if ids.ndim != 2 or ids.dtype.kind not in 'iu':
            raise ValueError(f'{where}: expected a 2-d map of integer ids, got shape {ids.shape} of type {ids.dtype}')
        found, index = np.unique(ids, return_inverse=True)
        if found.size and found[0] < 0:
            raise ValueError(f'{where}: object id {found[0]} is negative; 0 is background')
        numbers = self._numbers.setdefault(str(video_id), {0: 0})
        for x in found.tolist():
            self._add(numbers, x, where)
        write_davis(path, np.array([numbers[x] for x in found.tolist()], np.uint8)[index.reshape(ids.shape)])
        return path

    def _add(self, numbers: dict[int, int], x: int, where: str) -> None:
        if x in numbers:
            return
        taken = set(numbers.values())
        free = [x] if x <= MAX_OBJECTS and x not in taken else sorted(set(range(1, MAX_OBJECTS + 1)) - taken)
        if not free:
            raise ValueError(f'{where}: object {x} is one too many, the format holds {MAX_OBJECTS} objects a video')
        numbers[x] = free[0]

    def records(self) -> dict[str, None]:
        """Nothing: there is no json."""
        return {}

    def finish(self, records: Mapping[str, None]) -> list[Path]:
        """Nothing to do."""
        return []
