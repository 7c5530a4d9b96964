"""Reading jsons in YouTube-VIS format: videos, categories and the instances of every frame, all checked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from videoseg.datasets.frame_instance import FrameInstance
from videoseg.evaluation.formats.files import read_json, safe_join
from videoseg.structures.rle import encode_masks, to_rles

OCCLUSION = {None: float('nan'), 'no_occlusion': 0.0, 'slight_occlusion': 0.25, 'severe_occlusion': 0.75}
"""Degree of every word of OVIS's ``occlusion`` lists; None = not told."""
WORDS = tuple(word for word in OCCLUSION if word)
_UNKNOWN = -1


class TrackAnnotations:
    """A json in YouTube-VIS format (``specs/evaluators.md`` section 10); OVIS adds ``occlusion`` lists.

    Only looks at the json: whether the images are there is not its business.

    Args:
        path: The json.
        content: What is in it, if that was read before and brought into this format. Default: the file is read.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such json, or two videos or two annotations have one id; naming them.
    """

    def __init__(self, path: str | Path, content: Mapping[str, Any] | None = None) -> None:
        self.path = str(path)
        content = read_json(path) if content is None else content
        videos = content.get('videos') if isinstance(content, Mapping) else None
        if not isinstance(videos, list) or not videos:
            raise ValueError(f'{path}: no videos in it; expected a json in YouTube-VIS format (videos, annotations)')
        self._videos = self._by_id(videos, 'video')
        for video in videos:
            self._check_video(video)
        self._categories = self._by_id(content.get('categories') or [], 'category')
        self._annotations = self._by_id(content.get('annotations') or [], 'annotation')

    @property
    def has_annotations(self) -> bool:
        """Whether the file tells any instance at all: those of hidden ground truth do not."""
        return bool(self._annotations)

    @property
    def categories(self) -> dict[int, str]:
        """Category id -> name, ascending by id."""
        return {i: str(self._categories[i].get('name', i)) for i in sorted(self._categories)}

    def videos(self, img_root: str | Path, labels: Mapping[int, int | None]) -> list[dict[str, Any]]:
        """One entry a video, in the order of the file.

        Args:
            img_root: Folder that the file names are relative to.
            labels: Category id -> model label; None leaves the annotations of the category out.

        Returns:
            ``video_id`` (the json's id as a string), ``video_length``, ``img_paths``, ``img_size`` (H, W) and, if the
            file has annotations, ``instances``: for every frame the list of its :class:`FrameInstance`.

        Raises:
            ValueError: If a file name leads out of the folder, an annotation's category or video is not known, its
                lists do not have the length of the video, or a mask is not of the video's size; naming file, video,
                frame and annotation.
        """
        tracks: dict[int, list[Mapping[str, Any]]] = {}
        for annotation in self._annotations.values():
            if (video_id := annotation.get('video_id')) not in self._videos:
                raise ValueError(f'{self.path}: annotation {annotation["id"]}: there is no video {video_id}')
            if labels.get(annotation.get('category_id'), _UNKNOWN) is None:
                continue
            rows = tracks.setdefault(video_id, [])
            rows.append({**annotation, 'number': len(rows) + 1})
        entries = []
        for video_id, video in self._videos.items():
            entry = dict(
                video_id=str(video_id),
                video_length=len(video['file_names']),
                img_paths=[
                    str(safe_join(img_root, name, f'{self.path}: video {video_id}')) for name in video['file_names']
                ],
                img_size=(video['height'], video['width']),
            )
            if self.has_annotations:
                entry['instances'] = self._frames(video, tracks.get(video_id, []), labels)
            entries.append(entry)
        return entries

    def _frames(
        self, video: Mapping[str, Any], tracks: Sequence[Mapping[str, Any]], labels: Mapping[int, int]
    ) -> list[list[FrameInstance]]:
        """The instances of every frame."""
        names, size = video['file_names'], (video['height'], video['width'])
        frames: list[list[FrameInstance]] = [[] for _ in names]
        rows = [self._row(track, video, labels) for track in tracks]
        keys = [(n, t) for n, row in enumerate(rows) for t, mask in enumerate(row['masks']) if mask is not None]
        rles, sizes = to_rles(
            [rows[n]['masks'][t] for n, t in keys],
            size,
            lambda i: f'{rows[keys[i][0]]["where"]}, frame {keys[i][1]} ({names[keys[i][1]]})',
        )
        for (n, t), rle, pixels in zip(keys, rles, sizes.tolist(), strict=True):
            areas, hidden = rows[n]['areas'], rows[n]['occlusion']
            area = float(pixels if areas is None else areas[t] or 0)
            level = float('nan') if hidden is None else self._level(hidden[t], f'{rows[n]["where"]}, frame {t}')
            frames[t].append(FrameInstance(rle=rle, area=area, occlusion=level, **rows[n]['common']))
        for n in sorted(set(range(len(rows))) - {n for n, _ in keys}):
            # No frame shows it; the official evaluator counts it as missed all the same.
            (rle,) = encode_masks(np.zeros((1, *size), bool))
            frames[0].append(FrameInstance(rle=rle, area=0.0, **rows[n]['common']))
        return [sorted(frame, key=lambda x: x.number) for frame in frames]

    def _row(self, track: Mapping[str, Any], video: Mapping[str, Any], labels: Mapping[int, int]) -> dict[str, Any]:
        """The checked lists of a track."""
        where, length = f'{self.path}: video {video["id"]}, annotation {track["id"]}', len(video['file_names'])
        if (category := track.get('category_id')) not in labels:
            raise ValueError(f'{where}: category {category} is not one of the classes ({sorted(labels)})')
        masks, areas, hidden = (_column(track, k, length, where) for k in ('segmentations', 'areas', 'occlusion'))
        if masks is None:
            raise ValueError(f'{where}: no segmentations')
        if areas is not None and any(not isinstance(x, int | float | None) for x in areas):
            raise ValueError(f'{where}: areas are no numbers')
        return dict(
            where=where,
            masks=masks,
            areas=areas,
            occlusion=hidden,
            common=dict(number=track['number'], label=labels[category], is_crowd=bool(track.get('iscrowd', 0))),
        )

    @staticmethod
    def _level(level: Any, where: str) -> float:
        """A word or number of OVIS as a number in [0, 1]; NaN for None."""
        value = OCCLUSION.get(level) if isinstance(level, str | None) else level
        if not isinstance(value, int | float) or not (0 <= value <= 1 or level is None):
            raise ValueError(f'{where}: occlusion {level!r} is none of {", ".join(WORDS)} and no number in [0, 1]')
        return float(value)

    def _by_id(self, entries: Any, what: str) -> dict[int, Mapping[str, Any]]:
        """Entries by their id, in the order of the file."""
        if not isinstance(entries, list):
            raise ValueError(f'{self.path}: the {what} list is a {type(entries).__name__}')
        found: dict[int, Mapping[str, Any]] = {}
        for entry in entries:
            number = entry.get('id') if isinstance(entry, Mapping) else None
            if not isinstance(number, int) or isinstance(number, bool):
                raise ValueError(f'{self.path}: {what} without an integer id: {str(entry)[:80]}')
            if number in found:
                raise ValueError(f'{self.path}: two {what} entries have the id {number}')
            found[number] = entry
        return found

    def _check_video(self, video: Mapping[str, Any]) -> None:
        where, names = f'{self.path}: video {video["id"]}', video.get('file_names')
        if not isinstance(names, list) or not names:
            raise ValueError(f'{where}: no file_names')
        if video.get('length', len(names)) != len(names):
            raise ValueError(f'{where}: length is {video["length"]}, but it has {len(names)} file_names')
        for side in ('height', 'width'):
            if not isinstance(video.get(side), int) or video[side] < 1:
                raise ValueError(f'{where}: {side} is {video.get(side)!r}, expected a number of pixels')


def match_categories(
    categories: Mapping[int, str], classes: Sequence[str] | None, ids: Sequence[int] | None, path: str
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Decide which category of a json is which class.

    Names are the same if they differ in case, blanks, hyphens and underscores only.

    Args:
        categories: Category id -> name of the json.
        classes: Class names in the order of model labels. None: those of the json, ascending by id.
        ids: Category id of every class. None: found by name.
        path: The json, for messages.

    Returns:
        Names and category ids, in the order of model labels.

    Raises:
        ValueError: If a class is not in the json or has another name there.
    """
    if classes is None:
        ids = tuple(categories) if ids is None else tuple(ids)
        if not ids:
            raise ValueError(f'{path}: no categories in it; name the classes in metainfo (classes, raw_ids)')
        if missing := [i for i in ids if i not in categories]:
            raise ValueError(f'{path}: category {missing[0]} is not in it (it has {list(categories)})')
        return tuple(categories[i] for i in ids), ids
    if ids is None:
        by_name = {_plain(name): i for i, name in categories.items()}
        if missing := [name for name in classes if _plain(name) not in by_name]:
            raise ValueError(f'{path}: class {missing[0]!r} is not in it (it has {list(categories.values())})')
        return tuple(classes), tuple(by_name[_plain(name)] for name in classes)
    for name, i in zip(classes, ids, strict=True):
        if i in categories and _plain(categories[i]) != _plain(name):
            raise ValueError(
                f'{path}: category {i} is {categories[i]!r} there but class {name!r} here; is it the json of another '
                'data set or version? Name its classes in metainfo (classes, raw_ids) if it is meant'
            )
    return tuple(classes), tuple(ids)


def _plain(name: str) -> str:
    return name.lower().translate({ord(c): None for c in ' _-'})


def _column(track: Mapping[str, Any], key: str, length: int, where: str) -> list | None:
    """A list with a value for every frame, None if there is none."""
    if (values := track.get(key)) is None:
        return None
    if not isinstance(values, list) or len(values) != length:
        found = f'{len(values)} entries' if isinstance(values, list) else repr(values)
        raise ValueError(f'{where}: {key} has {found}, but the video has {length} frames; pad with null')
    return values
