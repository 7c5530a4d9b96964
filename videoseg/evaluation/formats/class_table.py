"""The classes of a benchmark: model label <-> category id of its files, name, thing or stuff."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videoseg.evaluation.formats.files import read_json
from videoseg.structures.ids import VOID_LABEL

CITYSCAPES_NAMES = (
    'road',
    'sidewalk',
    'building',
    'wall',
    'fence',
    'pole',
    'traffic light',
    'traffic sign',
    'vegetation',
    'terrain',
    'sky',
    'person',
    'rider',
    'car',
    'truck',
    'bus',
    'train',
    'motorcycle',
    'bicycle',
)
"""Index = train id (``specs/evaluators.md`` section 11)."""


@dataclass(frozen=True)
class ClassTable:
    """Classes in the order of model labels: things first, then stuff.

    Attributes:
        ids: Category id (raw class id) of every label.
        names: Name of every label.
        num_things: Labels below this are things.
    """

    ids: tuple[int, ...]
    names: tuple[str, ...]
    num_things: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def things(self) -> tuple[int, ...]:
        """Labels of the things."""
        return tuple(range(self.num_things))

    @property
    def labels(self) -> dict[int, int]:
        """Category id -> label."""
        return {x: label for label, x in enumerate(self.ids)}

    @classmethod
    def cityscapes(cls, thing_ids: Sequence[int]) -> 'ClassTable':
        """The 19 Cityscapes classes with train ids 0 ... 18, of which some are things."""
        entries = [dict(id=i, name=name, isthing=i in thing_ids) for i, name in enumerate(CITYSCAPES_NAMES)]
        return cls.from_entries(entries, 'Cityscapes')

    @classmethod
    def from_file(cls, path: str | Path) -> 'ClassTable':
        """Read a json list of ``{id, name, isthing}``.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: As in :meth:`from_entries`.
        """
        return cls.from_entries(read_json(path), str(path))

    @classmethod
    def from_entries(cls, entries: Sequence[Mapping[str, Any]], source: str) -> 'ClassTable':
        """Read ``categories`` as COCO panoptic jsons have them.

        Args:
            entries: Mappings with ``id``, ``isthing`` and optional ``name``; any order.
            source: File, for messages.

        Raises:
            ValueError: If the list is empty or malformed, or too long, or an id or name is there twice.
        """
        if not isinstance(entries, list | tuple) or not entries:
            raise ValueError(f'{source}: expected a list of classes {{id, name, isthing}}')
        rows = []
        for entry in entries:
            if not isinstance(entry, Mapping) or type(entry.get('id')) is not int or 'isthing' not in entry:
                raise ValueError(f'{source}: class {entry!r} needs an integer id, and isthing')
            if entry['isthing'] not in (0, 1, False, True):
                raise ValueError(f'{source}: class {entry!r}: isthing must be true, false, 1 or 0')
            rows.append((entry['id'], str(entry.get('name', entry['id'])), bool(entry['isthing'])))
        if len(rows) > VOID_LABEL:
            raise ValueError(f'{source}: {len(rows)} classes, at most {VOID_LABEL} are possible')
        rows.sort(key=lambda row: not row[2])  # things first, otherwise in the order of the file
        for column, what in ((0, 'id'), (1, 'name')):
            values = [row[column] for row in rows]
            if twice := sorted({x for x in values if values.count(x) > 1}):
                raise ValueError(f'{source}: class {what} {twice[0]!r} is there twice')
        return cls(tuple(r[0] for r in rows), tuple(r[1] for r in rows), sum(r[2] for r in rows))
