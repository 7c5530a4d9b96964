"""Ground truth and results of YouTube-VIS 2019, 2021, 2022 and OVIS: one json each, masks as RLEs."""

import io
import json
import math
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from videoseg.evaluation.formats.files import read_json
from videoseg.evaluation.formats.youtube_vis_writer import RESULT_NAME
from videoseg.evaluation.functional.frame_masks import FrameMasks, GTTrack, PredTrack
from videoseg.evaluation.functional.track_score import occlusion_score
from videoseg.structures.rle import to_rles


@dataclass(frozen=True)
class VideoTracks:
    """Tracks of one video, as :class:`videoseg.evaluation.functional.VideoAP` takes them.

    Attributes:
        tracks: Ground truth or predicted tracks, in the order of the file.
        frames: Their masks, one entry for each frame of the video.
    """

    tracks: list[Any]
    frames: list[FrameMasks]


@dataclass(frozen=True)
class VideoEntry:
    """One video of the json. ``size`` is (H, W); ``frames`` are names for messages."""

    where: str
    size: tuple[int, int]
    frames: tuple[str, ...]

    def track_masks(self, rows: Mapping[int, Sequence[Any]], what: str) -> list[FrameMasks]:
        """Check all masks of the video and sort them by frame.

        Args:
            rows: Track id -> segmentation or None for each of the first frames.
            what: How a track is called in messages.

        Raises:
            ValueError: If a segmentation is wrong, naming video, frame and id.
        """
        keys = [(track, t) for track, row in rows.items() for t, x in enumerate(row) if x is not None]
        rles, areas = to_rles(
            [rows[track][t] for track, t in keys],
            self.size,
            lambda i: f'{self.where}, frame {keys[i][1]} ({self.frames[keys[i][1]]}), {what} {keys[i][0]}',
        )
        columns: list[tuple[list, list, list]] = [([], [], []) for _ in self.frames]
        for (track, t), rle, area in zip(keys, rles, areas.tolist(), strict=True):
            ids, masks, pixels = columns[t]
            ids.append(track)
            masks.append(rle)
            pixels.append(area)
        return [FrameMasks(*x) for x in columns]


class YouTubeVIS:
    """Ground truth json (``specs/evaluators.md`` section 10), and results read against it.

    Labels are positions among the categories, ascending by id.

    Args:
        path: The json: ``videos``, ``annotations``, ``categories``.
        area_source: Mean area of a track from its ``areas`` (``'json'``, official), from width times height of its
            ``bboxes`` (``'box'``, mmdet's metric) or unknown, to be counted (``'mask'``). Default ``'json'``.
        occlusion: Whether tracks need ``occlusion`` levels (OVIS). Default False.

    Attributes:
        classes: Class names, index = label.
        category_ids: Category id of every label.
        videos: Video id (the json's, as text) -> entry, in the order of the json.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If an entry is wrong, or there are no annotations; naming video and annotation.
    """

    def __init__(
        self, path: str | Path, area_source: Literal['json', 'box', 'mask'] = 'json', occlusion: bool = False
    ) -> None:
        if area_source not in ('json', 'box', 'mask'):
            raise ValueError(f"area_source is {area_source!r}, expected 'json', 'box' or 'mask'")
        self.path = Path(path)
        self.area_source = area_source
        self.occlusion = occlusion
        content = read_json(self.path)
        lists = ('videos', 'categories')
        if not isinstance(content, Mapping) or not all(isinstance(content.get(x), list) for x in lists):
            raise ValueError(f'{self.path}: no YouTube-VIS json, it needs the lists videos, annotations and categories')
        if not isinstance(content.get('annotations'), list) or not content['annotations']:
            raise ValueError(
                f'{self.path}: has no annotations; the ground truth of this split is hidden, only the server can score'
            )
        categories = sorted(self._unique(content['categories'], 'category').items())
        self.category_ids = tuple(x for x, _ in categories)
        self.classes = tuple(str(x.get('name', number)) for number, x in categories)
        self._labels = {number: label for label, number in enumerate(self.category_ids)}
        self.videos = {
            str(number): self._video(number, x) for number, x in self._unique(content['videos'], 'video').items()
        }
        self._annotations: dict[str, list[Mapping[str, Any]]] = {x: [] for x in self.videos}
        for number, x in self._unique(content['annotations'], 'annotation').items():
            where = f'{self.path}: annotation {number}'
            video_id = self._check_track(x, where, short=False)
            self._annotations[video_id].append(x)

    def read_video(self, video_id: str) -> VideoTracks:
        """Ground truth of one video; ids are annotation ids.

        Raises:
            ValueError: If a mask, an area or an occlusion level is wrong, naming video, frame and annotation.
        """
        annotations = self._annotations[video_id]
        tracks = [
            GTTrack(
                x['id'],
                self._labels[x['category_id']],
                bool(x.get('iscrowd', 0)),
                self._area(x, video_id),
                self._occlusion(x, video_id) if self.occlusion else None,
            )
            for x in annotations
        ]
        rows = {x['id']: x['segmentations'] for x in annotations}
        return VideoTracks(tracks, self.videos[video_id].track_masks(rows, 'annotation'))

    def read_results(self, path: str | Path, allow_short: bool = False) -> dict[str, list[Mapping[str, Any]]]:
        """Read results; their masks are checked by :meth:`read_predictions`.

        Args:
            path: The json, a list of ``video_id, category_id, score, segmentations``, or a zip with ``results.json``.
            allow_short: Whether tracks may have fewer segmentations than the video has frames; the missing ones are
                empty. (The official evaluator drops these frames from the ground truth too.) Default False.

        Returns:
            Video id -> results in the order of the file, each with its position there as ``id``; all videos are keys.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If an entry is wrong, naming it and its video.
        """
        content = _read_result_file(Path(path))
        if not isinstance(content, list):
            raise ValueError(f'{path}: expected a list of results, found {type(content).__name__}')
        results: dict[str, list[Mapping[str, Any]]] = {x: [] for x in self.videos}
        for number, x in enumerate(content):
            where = f'{path}: result {number}'
            if not isinstance(x, Mapping):
                raise ValueError(f'{where}: expected a dict, found {type(x).__name__}')
            video_id = self._check_track(x, where, short=allow_short)
            score = x.get('score')
            if type(score) not in (int, float) or not abs(score) <= sys.float_info.max:
                raise ValueError(f'{where} (video {video_id}): score is {str(score)[:40]}, expected a finite number')
            results[video_id].append({**x, 'id': number})
        return results

    def read_predictions(self, video_id: str, results: Sequence[Mapping[str, Any]]) -> VideoTracks:
        """Predicted tracks of one video; ids are positions in the file.

        Args:
            video_id: The video.
            results: Its results, from :meth:`read_results`.

        Raises:
            ValueError: If a mask is wrong, naming video, frame and position.
        """
        tracks = [PredTrack(x['id'], self._labels[x['category_id']], float(x['score'])) for x in results]
        rows = {x['id']: x['segmentations'] for x in results}
        return VideoTracks(tracks, self.videos[video_id].track_masks(rows, 'result'))

    def _unique(self, entries: Sequence[Any], what: str) -> dict[int, Mapping[str, Any]]:
        """Entries by integer id, in the order of the file."""
        found: dict[int, Mapping[str, Any]] = {}
        for x in entries:
            number = x.get('id') if isinstance(x, Mapping) else None
            if not isinstance(number, int) or isinstance(number, bool):
                raise ValueError(f'{self.path}: {what} without an integer id: {str(x)[:80]}')
            if number in found:
                raise ValueError(f'{self.path}: {what} id {number} occurs twice')
            found[number] = x
        return found

    def _video(self, number: int, x: Mapping[str, Any]) -> VideoEntry:
        where = f'{self.path}: video {number}'
        size, names = (x.get('height'), x.get('width')), x.get('file_names')
        length = x.get('length', len(names) if isinstance(names, list) else None)
        for value, what in ((size[0], 'height'), (size[1], 'width'), (length, 'length')):
            if type(value) is not int or value < 1:
                raise ValueError(f'{where}: {what} is {value!r}, expected a positive number')
        if names is not None and (not isinstance(names, list) or len(names) != length):
            raise ValueError(f'{where}: has no list of {length} file_names, but its length is {length}')
        return VideoEntry(where, size, tuple(str(x) for x in names or range(length)))

    def _check_track(self, x: Mapping[str, Any], where: str, short: bool) -> str:
        """Check video, category and number of segmentations; returns the video id."""
        video_id = str(x.get('video_id'))
        if video_id not in self.videos:
            raise ValueError(f'{where}: video_id {x.get("video_id")!r} is not in {self.path}')
        where = f'{where} (video {video_id})'
        if not isinstance(x.get('category_id'), int) or x['category_id'] not in self._labels:
            raise ValueError(
                f'{where}: category_id {x.get("category_id")!r} is not in {self.path}, which has '
                f'{list(self.category_ids)}'
            )
        row, length = x.get('segmentations'), len(self.videos[video_id].frames)
        if not isinstance(row, list) or len(row) > length or (len(row) < length and not short):
            found = f'{len(row)} segmentations' if isinstance(row, list) else 'no list of segmentations'
            raise ValueError(f'{where}: has {found}, the video has {length} frames; absent frames must be null')
        return video_id

    def _column(self, x: Mapping[str, Any], key: str, video_id: str) -> list[Any]:
        """A list with one entry a frame."""
        where, length = f'{self.path}: video {video_id}, annotation {x["id"]}', len(self.videos[video_id].frames)
        if not isinstance(x.get(key), list) or len(x[key]) != length:
            raise ValueError(f'{where}: has no list {key} of {length} entries, one a frame')
        return x[key]

    def _area(self, x: Mapping[str, Any], video_id: str) -> float | None:
        """Mean of the areas that are not zero."""
        key = dict(json='areas', box='bboxes', mask=None)[self.area_source]
        if key is None or (key == 'areas' and key not in x):
            return None
        try:
            values = [v for v in self._column(x, key, video_id) if v]
            values = [float(v[2]) * float(v[3]) if key == 'bboxes' else float(v) for v in values]
        except (TypeError, ValueError, IndexError, OverflowError) as error:
            if isinstance(error, ValueError) and 'annotation' in str(error):
                raise
            raise ValueError(f'{self.path}: video {video_id}, annotation {x["id"]}: {key} are no numbers') from error
        if not all(0 <= v < math.inf for v in values):
            raise ValueError(f'{self.path}: video {video_id}, annotation {x["id"]}: {key} are negative or not finite')
        values = [v for v in values if v]
        return sum(values) / len(values) if values else 0.0

    def _occlusion(self, x: Mapping[str, Any], video_id: str) -> float | None:
        try:
            return occlusion_score(self._column(x, 'occlusion', video_id))
        except ValueError as error:
            if 'annotation' in str(error):
                raise
            raise ValueError(f'{self.path}: video {video_id}, annotation {x["id"]}: {error}') from error


def _read_result_file(path: Path) -> Any:
    if path.suffix != '.zip':
        return read_json(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return json.load(io.BytesIO(archive.read(RESULT_NAME)))
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{path}: zip of results missing') from error
    except KeyError as error:
        raise ValueError(f'{path}: has no {RESULT_NAME} at its top level') from error
    except (zipfile.BadZipFile, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f'{path}: no zip of a {RESULT_NAME}, perhaps truncated ({error})') from error
