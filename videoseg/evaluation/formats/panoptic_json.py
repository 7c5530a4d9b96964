"""What jsons with ``segments_info`` and their folders of PNGs have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from videoseg.evaluation.formats.files import read_json, safe_join
from videoseg.evaluation.formats.id_png import MAX_ID, read_id_png

_MAX_AREA = 1 << 53


@dataclass(frozen=True, slots=True)
class PanopticFrame:
    """One annotated or predicted frame.

    Attributes:
        name: What pairs ground truth and prediction within a video.
        path: PNG of segment ids.
        size: (H, W) as the json says, if it does.
        segments: ``segments_info`` with ``id``, ``category_id`` (a model label here), and where the json has them
            ``area`` and ``iscrowd``.
    """

    name: str
    path: Path
    size: tuple[int, int] | None
    segments: list[dict[str, int]]

    def read_ids(self, size: tuple[int, int] | None = None) -> np.ndarray:
        """(H, W) int32 segment ids, 0 = void; errors as in :func:`read_id_png`."""
        return read_id_png(self.path, size or self.size)


PanopticVideos = dict[str, list[PanopticFrame]]


class PanopticJson:
    """A json of annotations with its PNG folder: every look-up is checked and every error says where.

    Args:
        path: The json.
        labels: Category id -> model label. Default: the category ids stay as they are and any is allowed.

    Raises:
        FileNotFoundError: If the json is missing.
        ValueError: If the json cannot be read or is no mapping with ``annotations``.
    """

    def __init__(self, path: str | Path, labels: Mapping[int, int] | None = None) -> None:
        self.path = Path(path)
        self.labels = labels
        if self.path.is_dir():
            raise ValueError(f'{self.path}: is a folder; give the json file, its PNGs are looked for beside it')
        self.content = read_json(self.path)
        self.annotations = self.entries(self.content, 'annotations', str(self.path))
        self.png_folder = Path()

    def find_pngs(self, named: str | Path | None, *beside: str) -> None:
        """Choose the folder of the PNGs.

        Args:
            named: The folder, or None to take the first that exists of ``beside``.
            beside: Names of folders beside the json.

        Raises:
            FileNotFoundError: If there is none.
        """
        folders = [self.path.parent / x for x in beside] if named is None else [Path(named)]
        found = next((x for x in folders if x.is_dir()), None)
        if found is None:
            raise FileNotFoundError(f'{" or ".join(map(str, folders))}: folder with the PNGs of {self.path} missing')
        self.png_folder = found

    def entries(self, content: Any, key: str, where: str) -> list[Mapping[str, Any]]:
        """The list of mappings ``content[key]``."""
        found = self.get(content, key, where)
        if not isinstance(found, list) or not all(isinstance(x, Mapping) for x in found):
            raise ValueError(f'{where}: {key!r} is no list of objects')
        return found

    def get(self, content: Any, key: str, where: str) -> Any:
        """``content[key]``, or a ValueError that says what is missing where."""
        if not isinstance(content, Mapping) or key not in content:
            raise ValueError(f'{where}: there is no {key!r}')
        return content[key]

    def by_name(self, entries: Sequence[Mapping[str, Any]], key: str, where: str) -> dict[str, Mapping[str, Any]]:
        """Entries by ``str(entry[key])``; one that is there twice is an error."""
        found = {}
        for entry in entries:
            name = str(self.get(entry, key, where))
            if name in found:
                raise ValueError(f'{where}: {key} {name!r} is there twice')
            found[name] = entry
        return found

    def frame(
        self,
        name: str,
        file_names: Sequence[str],
        entry: Mapping[str, Any],
        where: str,
        image: Mapping[str, Any] | None = None,
    ) -> PanopticFrame:
        """Check one frame.

        Args:
            name: Name of the frame.
            file_names: Where its PNG may be, relative to the folder; the first that exists is taken.
            entry: The annotation, with ``segments_info``.
            where: Video and frame, for messages.
            image: Entry of ``images``, for the size. Default: unknown size.

        Raises:
            FileNotFoundError: If there is no PNG.
            ValueError: If a file name leaves the folder, a category is unknown, or an id is there twice.
        """
        where = f'{self.path}: {where}'
        paths = [safe_join(self.png_folder, file_name, where) for file_name in dict.fromkeys(file_names)]
        path = next((x for x in paths if x.is_file()), None)
        if path is None:
            raise FileNotFoundError(f'{where}: {" or ".join(map(str, paths))}: PNG missing')
        size = None
        if image is not None and 'height' in image and 'width' in image:
            size = (image['height'], image['width'])
            if any(type(x) is not int or x < 1 for x in size):
                raise ValueError(f'{where}: height and width are {size}, expected positive integers')
        return PanopticFrame(name, path, size, self._segments(entry, where))

    def _segments(self, entry: Mapping[str, Any], where: str) -> list[dict[str, int]]:
        segments: dict[int, dict[str, int]] = {}
        for info in self.entries(entry, 'segments_info', where):
            number, category = self.get(info, 'id', where), self.get(info, 'category_id', where)
            if type(number) is not int or not 0 < number <= MAX_ID:
                raise ValueError(f'{where}: segment id {number!r} is not in [1, {MAX_ID}] (0 is void)')
            if number in segments:
                raise ValueError(f'{where}: segment id {number} is in segments_info twice')
            if not isinstance(category, int) or (self.labels is not None and category not in self.labels):
                raise ValueError(f'{where}: segment id {number} has the unknown category {category!r}')
            kept = {key: info[key] for key in ('area', 'iscrowd') if key in info}
            if any(type(x) not in (int, float, bool) or not 0 <= x <= _MAX_AREA for x in kept.values()):
                raise ValueError(
                    f'{where}: segment id {number}: area and iscrowd must be numbers in [0, {_MAX_AREA}], got {kept}'
                )
            label = category if self.labels is None else self.labels[category]
            segments[number] = {'id': number, 'category_id': label, **kept}
        return list(segments.values())
