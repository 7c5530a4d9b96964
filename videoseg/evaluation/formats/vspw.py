"""VSPW: one label PNG a frame, ground truth shifted by one against predictions (``specs/evaluators.md`` 8 and 10)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from videoseg.evaluation.formats.files import safe_join
from videoseg.evaluation.formats.frame_name import FrameName
from videoseg.evaluation.formats.png import open_png, save_png
from videoseg.structures.ids import VOID_LABEL

NUM_CLASSES = 124
MAX_CLASSES = 254
_MODES = ('L', 'P')


def read_vspw_gt(path: str | Path, size: tuple[int, int] | None = None, num_classes: int = NUM_CLASSES) -> np.ndarray:
    """Read a mask of the ground truth as it is in the file: 0 and 255 void, otherwise class index + 1.

    Video consistency compares these values; :func:`vspw_labels` translates them.

    Args:
        path: 8-bit grey or palette PNG.
        size: Expected (H, W). Default: any.
        num_classes: Number of classes. Default 124.

    Returns:
        (H, W) uint8.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such PNG, or holds a class that does not exist.
    """
    raw = open_png(path, _MODES, size, 'mask')
    if raw.size and (raw + np.uint8(1)).max() > num_classes + 1:  # 255 becomes 0
        bad = sorted(set(np.unique(raw).tolist()) - set(range(num_classes + 1)) - {255})
        raise ValueError(f'{path}: values {bad[:5]} are neither void (0, 255) nor one of {num_classes} classes + 1')
    return raw


def vspw_labels(values: ArrayLike) -> np.ndarray:
    """Class indices of values of the ground truth, of any shape; the void values 0 and 255 become 255."""
    values = np.asarray(values)
    return np.where((values == 0) | (values == 255), VOID_LABEL, values - 1)


def read_vspw_pred(
    path: str | Path, size: tuple[int, int] | None = None, num_classes: int = NUM_CLASSES, allow_void: bool = False
) -> np.ndarray:
    """Read a predicted map of class indices.

    Args:
        path: 8-bit grey or palette PNG.
        size: Expected (H, W). Default: any.
        num_classes: Number of classes. Default 124.
        allow_void: Whether 255 may occur. The official script would count it as some other class. Default False.

    Returns:
        (H, W) uint8.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such PNG, or holds a class that does not exist.
    """
    labels = open_png(path, _MODES, size, 'prediction')
    if labels.size and labels.max() >= num_classes:
        bad = sorted(
            set(np.unique(labels).tolist()) - set(range(num_classes)) - ({VOID_LABEL} if allow_void else set())
        )
        if bad:
            raise ValueError(
                f'{path}: class indices {bad[:5]} are not among the {num_classes} classes 0 ... {num_classes - 1}; '
                'predictions hold class indices, without the shift by one of the ground truth'
            )
    return labels


def read_vspw_split(path: str | Path) -> list[str]:
    """Names of the videos in a list like ``val.txt``, one a line; the last line may lack its end.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it names no video, one twice, or a path instead of a name.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path}: list of videos missing')
    try:
        names = [line.strip() for line in path.read_text(encoding='utf-8-sig').splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise ValueError(f'{path}: is no list of videos in UTF-8 ({error})') from error
    if not names:
        raise ValueError(f'{path}: names no video')
    if twice := [name for name in sorted(set(names)) if names.count(name) > 1]:
        raise ValueError(f'{path}: video {twice[0]!r} is there twice')
    for name in names:
        safe_join('', name, str(path))
    return names


class VSPWWriter:
    """Writes ``<out_dir>/<video>/<image>.png``, 8 bit, class index 0 ... 123; no json.

    Args:
        out_dir: Folder of the submission; made with the first frame.
        category_ids: Class index of every model label. Default: labels are class indices.
        allow_void: Write pixels without a class as 255. The official script counts such pixels as some other class;
            ours wants ``pred_void='miss'`` for them. Default False: they are refused.

    Raises:
        ValueError: If a class index is there twice or does not fit beside 255 and the shift of the ground truth.
    """

    def __init__(
        self, out_dir: str | Path, category_ids: Sequence[int] = range(NUM_CLASSES), allow_void: bool = False
    ) -> None:
        category_ids = [int(x) for x in category_ids]
        if len(set(category_ids)) != len(category_ids) or not all(0 <= x < MAX_CLASSES for x in category_ids):
            raise ValueError(f'category_ids {category_ids} must be distinct and in [0, {MAX_CLASSES})')
        self.out_dir = Path(out_dir)
        self.category_ids = np.array(category_ids, np.uint8)
        self.allow_void = allow_void

    def write_frame(self, video_id: str, frame: FrameName, labels: np.ndarray) -> Path:
        """Write the PNG of a frame.

        Args:
            video_id: Name of the video.
            frame: Name of the frame.
            labels: (H, W) model labels, 255 = no class.

        Returns:
            The PNG.

        Raises:
            ValueError: If the map holds a label that cannot be written or is no 2-d integer array, or a name leaves
                the folder; naming video and frame.
        """
        where = f'video {video_id!r}, frame {frame.stem!r}'
        path = safe_join(self.out_dir, f'{video_id}/{frame.stem}.png', where)
        labels = np.asarray(labels)
        if labels.ndim != 2 or labels.dtype.kind not in 'iu':
            raise ValueError(
                f'{where}: expected (H, W) integer labels, got shape {labels.shape} of type {labels.dtype}'
            )
        is_void = labels == VOID_LABEL
        if is_void.any() and not self.allow_void:
            raise ValueError(
                f'{where}: {np.count_nonzero(is_void)} pixels have no class (255), which VSPW predictions cannot say; '
                'use a semantic postprocessor, or allow_void=True'
            )
        unknown = ~is_void & ((labels < 0) | (labels >= len(self.category_ids)))
        if unknown.any():
            bad = np.unique(labels[unknown])[:5].tolist()
            raise ValueError(f'{where}: model labels {bad} are not among the {len(self.category_ids)} classes')
        table = np.full(VOID_LABEL + 1, VOID_LABEL, np.uint8)
        table[: len(self.category_ids)] = self.category_ids
        save_png(path, table[labels])
        return path

    def records(self) -> dict[str, None]:
        """Nothing: there is no json."""
        return {}

    def finish(self, records: dict[str, None]) -> list[Path]:
        """Nothing to do."""
        return []
