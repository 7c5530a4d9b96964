"""Writing of submissions made of id PNGs and one json."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from videoseg.evaluation.formats.files import safe_join, write_json
from videoseg.evaluation.formats.frame_name import FrameName
from videoseg.evaluation.formats.id_png import distinct_ids, segments_info, write_id_png
from videoseg.structures.ids import DIVISOR, VOID_ID, VOID_LABEL

Records = dict[str, dict[int, dict[str, Any]]]
"""Video id -> frame number -> annotation."""


class PanopticJsonWriter:
    """Writes frames as they come and keeps their ``segments_info`` until the json is written.

    The segment id in the files is ``(label + 1) * 65536 + instance``: never 0, and the same over the whole video for
    the same panoptic id. Void pixels are 0.

    Args:
        out_dir: Folder of the submission; made with the first frame.
        category_ids: Category id of every model label.

    Raises:
        ValueError: If a category is there twice or there are more than 254 of them.
    """

    png_folder: ClassVar[str] = 'pan_pred'
    json_name: ClassVar[str] = 'pred.json'

    def __init__(self, out_dir: str | Path, category_ids: Sequence[int]) -> None:
        self.out_dir = Path(out_dir)
        self.category_ids = tuple(int(x) for x in category_ids)
        if len(set(self.category_ids)) != len(self.category_ids) or len(self.category_ids) >= VOID_LABEL:
            raise ValueError(f'category_ids {self.category_ids} must be distinct and fewer than {VOID_LABEL}')
        self._records: Records = {}

    def write_frame(self, video_id: str, frame: FrameName, ids: np.ndarray) -> Path:
        """Write the PNG of a frame and remember its segments.

        Args:
            video_id: Name of the video.
            frame: Name of the frame.
            ids: (H, W) panoptic ids with model labels.

        Returns:
            The PNG.

        Raises:
            ValueError: If a label has no category, or a name leaves the folder.
        """
        where = f'video {video_id!r}, frame {frame.stem!r}'
        ids = np.asarray(ids)
        if ids.ndim != 2 or ids.dtype.kind not in 'iu':
            raise ValueError(f'{where}: expected a 2-d map of integer ids, got shape {ids.shape} of type {ids.dtype}')
        path = safe_join(self.out_dir / self.png_folder, self.png_name(video_id, frame), where)
        labels = {int(x): int(x) // DIVISOR for x in distinct_ids(ids)}
        if bad := [x for x, label in labels.items() if not 0 <= label < len(self.category_ids) and label != VOID_LABEL]:
            raise ValueError(
                f'{where}: panoptic id {bad[0]} has label {labels[bad[0]]}, but there are {len(self.category_ids)} '
                'classes'
            )
        segments = np.where(ids >= VOID_ID, 0, ids.astype(np.int32) + DIVISOR)
        categories = {x + DIVISOR: self.category_ids[label] for x, label in labels.items() if label != VOID_LABEL}
        found = segments_info(segments, categories)
        write_id_png(path, segments)
        record = dict(image_id=frame.json_id, file_name=path.name, segments_info=found)
        self._records.setdefault(str(video_id), {})[frame.frame_id] = record
        return path

    def png_name(self, video_id: str, frame: FrameName) -> str:
        """Path of a PNG below the PNG folder."""
        return f'{frame.stem}.png'

    def records(self) -> Records:
        """The json parts so far, video id -> frame number -> annotation: to be joined over processes."""
        return self._records

    def finish(self, records: Records) -> list[Path]:
        """Write the json.

        Args:
            records: Those of all processes.

        Returns:
            The json.
        """
        path = self.out_dir / self.json_name
        videos = {x: [frames[i] for i in sorted(frames)] for x, frames in sorted(records.items())}
        write_json(path, self.content(videos))
        return [path]

    def content(self, videos: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
        """The json of all annotations: one flat list, videos by name, frames in time order."""
        return dict(annotations=[entry for entries in videos.values() for entry in entries])
