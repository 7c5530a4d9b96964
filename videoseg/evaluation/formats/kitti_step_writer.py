"""Writing of KITTI-STEP predictions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from videoseg.evaluation.formats.files import safe_join
from videoseg.evaluation.formats.frame_name import FrameName
from videoseg.evaluation.formats.kitti_step import KittiStep


class KittiStepWriter:
    """Writes ``<out_dir>/<video>/<image>.png`` in the layout of the ground truth (:class:`KittiStep`); no json.

    Args:
        out_dir: Folder of the submission; made with the first frame.
        category_ids: Raw class id of every model label.
    """

    def __init__(self, out_dir: str | Path, category_ids: Sequence[int]) -> None:
        self.out_dir = Path(out_dir)
        self.step = KittiStep(category_ids)

    def write_frame(self, video_id: str, frame: FrameName, ids: np.ndarray) -> Path:
        """Write the PNG of a frame.

        Args:
            video_id: Name of the video.
            frame: Name of the frame.
            ids: (H, W) panoptic ids with model labels.

        Returns:
            The PNG.

        Raises:
            ValueError: If a label is not in the table or a name leaves the folder.
        """
        where = f'video {video_id!r}, frame {frame.stem!r}'
        path = safe_join(self.out_dir, f'{video_id}/{frame.stem}.png', where)
        self.step.write(path, ids)
        return path

    def records(self) -> dict[str, None]:
        """Nothing: there is no json."""
        return {}

    def finish(self, records: dict[str, None]) -> list[Path]:
        """Nothing to do."""
        return []
