"""Writing of YouTube-VIS and OVIS results."""

import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from videoseg.evaluation.formats.files import write_json
from videoseg.evaluation.formats.frame_name import FrameName
from videoseg.evaluation.functional.frame_masks import FrameMasks, PredTrack

RESULT_NAME = 'results.json'


class YouTubeVISWriter:
    """Writes ``<out_dir>/results.json`` and ``<out_dir>/results.zip``, which has that file and no folder.

    A json of tracks can only be written when all are known: masks are kept as RLEs until then.

    Args:
        out_dir: Folder of the submission; made at the end.
        category_ids: Category id of every model label.
    """

    def __init__(self, out_dir: str | Path, category_ids: Sequence[int]) -> None:
        self.out_dir = Path(out_dir)
        self.category_ids = tuple(int(x) for x in category_ids)
        self._pending: dict[str, dict[int, FrameMasks]] = {}
        self._records: dict[str, list[dict[str, Any]]] = {}

    def write_frame(self, video_id: str, frame: FrameName, masks: FrameMasks) -> None:
        """Take the masks of a frame.

        Args:
            video_id: The json's id of the video.
            frame: Name of the frame; its number is its place in ``segmentations``.
            masks: Masks visible in the frame.
        """
        if video_id not in self._records:
            self._pending.setdefault(video_id, {})[frame.frame_id] = masks

    def finish_video(self, video_id: str, tracks: Sequence[PredTrack], num_frames: int) -> None:
        """Take the tracks of a video; a video that was finished before is ignored.

        Args:
            video_id: The json's id of the video.
            tracks: Predicted tracks, of which the masks came frame by frame.
            num_frames: Number of frames of the video.

        Raises:
            ValueError: If a label has no category, or a frame lies outside the video.
        """
        if video_id in self._records:
            return
        frames = self._pending.pop(video_id, {})
        if frames and not 0 <= min(frames) <= max(frames) < num_frames:
            raise ValueError(f'video {video_id!r}: frame {max(frames)} came, but the video has {num_frames} frames')
        rows: dict[int, list[dict[str, Any] | None]] = {}
        for t, masks in frames.items():
            for number, rle in zip(masks.ids, masks.rles, strict=True):
                counts = rle['counts'].decode('ascii') if isinstance(rle['counts'], bytes) else rle['counts']
                rows.setdefault(int(number), [None] * num_frames)[t] = {'size': list(rle['size']), 'counts': counts}
        for x in tracks:
            if not 0 <= x.label < len(self.category_ids):
                raise ValueError(
                    f'video {video_id!r}: track {x.id} has label {x.label}, there are {len(self.category_ids)} classes'
                )
        self._records[video_id] = [
            dict(
                video_id=int(video_id) if video_id.isdigit() else video_id,
                category_id=self.category_ids[x.label],
                score=float(x.score),
                segmentations=rows.get(x.masks, [None] * num_frames),
            )
            for x in tracks
        ]

    def records(self) -> dict[str, list[dict[str, Any]]]:
        """Video id -> results of the finished videos: to be joined over processes."""
        return self._records

    def finish(self, records: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Path]:
        """Write the json and the zip.

        Args:
            records: Those of all processes.

        Returns:
            ``results.json`` and ``results.zip``.

        Raises:
            ValueError: If frames came of a video that was not finished.
        """
        if lost := [x for x in self._pending if x not in records]:
            raise ValueError(f'videos {lost[:5]} have frames but no tracks: call finish_video for each video')
        results = [x for video_id in sorted(records, key=_video_order) for x in records[video_id]]
        path, archive = self.out_dir / RESULT_NAME, self.out_dir / 'results.zip'
        write_json(path, results)
        _replace(archive, lambda file: _zip(file, path))
        return [path, archive]


def _video_order(video_id: str) -> tuple[bool, int, str]:
    is_number = video_id.isascii() and video_id.isdigit()
    return not is_number, int(video_id) if is_number else 0, video_id


def _zip(target: Path, path: Path) -> None:
    """One file, without a folder and without the time of day: equal results give equal archives."""
    with zipfile.ZipFile(target, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes(), zipfile.ZIP_DEFLATED)


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file so that it is never seen half-written."""
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
