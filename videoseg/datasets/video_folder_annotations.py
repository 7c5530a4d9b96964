"""The one json of videos of one's own: what it says, and everything that is wrong with it."""

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from videoseg.evaluation.formats.class_table import ClassTable
from videoseg.evaluation.formats.files import safe_join
from videoseg.evaluation.formats.id_png import MAX_ID
from videoseg.evaluation.formats.panoptic_json import PanopticFrame, PanopticVideos

Report = Callable[[str], None]
"""Takes a problem, a line; may raise or collect."""


def refuse(problem: str) -> None:
    """A :data:`Report` that stops at the first problem.

    Raises:
        ValueError: Always.
    """
    raise ValueError(problem)


def read_categories(content: Any, source: str, report: Report = refuse) -> ClassTable | None:
    """The classes.

    Args:
        content: The json.
        source: File, for messages.
        report: Called with every problem.

    Returns:
        The classes, None if they were not readable.
    """
    try:
        return ClassTable.from_entries(content.get('categories') if isinstance(content, Mapping) else None, source)
    except ValueError as error:
        report(str(error))
        return None


def read_video_folder(
    content: Any, png_folder: str | Path, labels: Mapping[int, int] | None, source: str, report: Report = refuse
) -> PanopticVideos:
    """Read ``{"categories": [...], "videos": [{"name", "frames": [{"file_name", "segments"}]}]}``.

    ``file_name`` is the image; its PNG has the same name with ``.png``. ``segments`` is a list of ``{"id",
    "category_id", "iscrowd"}``, of which ``iscrowd`` may be left out. A frame without ``segments`` is not labelled, and
    neither is one that the json does not mention. Files are not looked at.

    Args:
        content: The json.
        png_folder: Folder of ``<video>/<frame>.png``.
        labels: Category id -> model label. None: categories are kept and any is known.
        source: File, for messages.
        report: Called with every problem, which names video, frame and id; what it concerns is left out.

    Returns:
        Video -> its labelled frames, named by image stem.
    """
    videos: PanopticVideos = {}
    for number, video in enumerate(_objects(content, 'videos', source, report)):
        name = video.get('name')
        if not isinstance(name, str) or not name or name in ('.', '..') or '/' in name or '\\' in name:
            report(f'{source}: video {number}: name {name!r} is not the name of a folder; refused')
        elif name in videos:
            report(f'{source}: video {name!r} is there twice')
        else:
            videos[name] = _frames(video, name, Path(png_folder), labels, source, report)
    return videos


def _frames(
    video: Mapping[str, Any], name: str, folder: Path, labels: Mapping[int, int] | None, source: str, report: Report
) -> list[PanopticFrame]:
    frames: dict[str, PanopticFrame] = {}
    category_of: dict[int, int] = {}
    seen: set[str] = set()
    for number, entry in enumerate(_objects(video, 'frames', f'{source}: video {name!r}', report)):
        file_name = entry.get('file_name')
        where = f'{source}: video {name!r}, frame {file_name!r}'
        try:
            safe_join(folder, file_name, f'{source}: video {name!r}, frame {number}')
        except ValueError as error:
            report(str(error))
            continue
        stem = PurePosixPath(file_name).stem
        if '/' in file_name:
            report(f'{where}: is not the name of a file in the folder of its video; refused')
        elif stem in seen:
            report(f'{where}: is there twice')
        elif 'segments' in entry:
            segments = _segments(entry, labels, category_of, where, report)
            frames[stem] = PanopticFrame(stem, folder / name / f'{stem}.png', None, segments)
        seen.add(stem)
    return list(frames.values())


def _segments(
    entry: Mapping[str, Any], labels: Mapping[int, int] | None, category_of: dict[int, int], where: str, report: Report
) -> list[dict[str, int]]:
    segments: dict[int, dict[str, int]] = {}
    for segment in _objects(entry, 'segments', where, report):
        number, category, crowd = segment.get('id'), segment.get('category_id'), segment.get('iscrowd', 0)
        if type(number) is not int or not 0 < number <= MAX_ID:
            report(f'{where}: segment id {number!r} is not in [1, {MAX_ID}] (0 is void)')
            continue
        problem = None
        if number in segments:
            problem = 'is there twice'
        elif type(category) is not int or (labels is not None and category not in labels):
            problem = f'has the unknown category {category!r}'
        elif category_of.setdefault(number, category) != category:
            problem = f'has category {category}, but {category_of[number]} in an earlier frame; ids are constant'
        elif crowd not in (0, 1):
            problem = f'has iscrowd {crowd!r}, expected 0 or 1'
        if problem is not None:
            report(f'{where}: segment id {number} {problem}')
            continue
        segments[number] = dict(
            id=number, category_id=category if labels is None else labels[category], iscrowd=int(crowd)
        )
    return list(segments.values())


def _objects(content: Any, key: str, where: str, report: Report) -> list[Mapping[str, Any]]:
    """The list of objects ``content[key]``."""
    found = content.get(key) if isinstance(content, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(x, Mapping) for x in found):
        report(f'{where}: {key!r} is missing or no list of objects')
        return []
    return found
