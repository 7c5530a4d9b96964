"""Writing of Cityscapes-DVPS predictions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from videoseg.evaluation.formats.dvps import DEPTH_SUFFIX, DVPS, PANOPTIC_SUFFIX
from videoseg.evaluation.formats.files import safe_join
from videoseg.evaluation.formats.frame_name import FrameName


class DVPSWriter:
    """Writes ``<out_dir>/{panoptic,depth}/<name>`` in the layout of :class:`DVPS`; no json.

    The part of the image name before ``_leftImg8bit`` is kept: ``000000_000004_<rest>_leftImg8bit.png`` becomes
    ``panoptic/000000_000004_<rest>_gtFine_instanceTrainIds.png`` and ``depth/000000_000004_<rest>_depth.png``.

    Args:
        out_dir: Folder of the submission; made with the first frame.
        category_ids: Class in the files of every model label.
    """

    def __init__(self, out_dir: str | Path, category_ids: Sequence[int]) -> None:
        self.out_dir = Path(out_dir)
        self.dvps = DVPS(category_ids)

    def write_frame(self, video_id: str, frame: FrameName, ids: np.ndarray, depth: np.ndarray) -> Path:
        """Write the PNGs of a frame.

        Args:
            video_id: Name of the video, for messages; the file name has it already.
            frame: Name of the frame.
            ids: (H, W) panoptic ids with model labels.
            depth: (H, W) metres.

        Returns:
            The panoptic PNG.

        Raises:
            ValueError: If a label, instance or depth does not fit.
        """
        where = f'video {video_id!r}, frame {frame.stem!r}'
        stem = frame.stem.removesuffix('_leftImg8bit')
        path = safe_join(self.out_dir / 'panoptic', f'{stem}{PANOPTIC_SUFFIX}', where)
        self.dvps.write_pred(path, ids)
        self.dvps.write_depth(self.out_dir / 'depth' / f'{stem}{DEPTH_SUFFIX}', depth)
        return path

    def records(self) -> dict[str, None]:
        """Nothing: there is no json."""
        return {}

    def finish(self, records: dict[str, None]) -> list[Path]:
        """Nothing to do."""
        return []
