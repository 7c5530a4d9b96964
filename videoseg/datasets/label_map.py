"""Raw class ids on disk <-> model labels."""

from collections.abc import Mapping, Sequence

import numpy as np

from videoseg.structures.ids import VOID_LABEL

_UNKNOWN = -1
_MAX_RAW_ID = 65535


class LabelMap:
    """Look-up tables between the raw class ids of a data set and model labels (things first, then stuff).

    Source: the class spaces of ``specs/video_knet.md`` section 1.8, ``specs/evaluators.md`` section 11.

    Args:
        classes: Class names in model-label order, K of them.
        num_things: Labels below this are things.
        raw_ids: Raw class id of every label, K different numbers in [0, 65535] other than ``ignore_raw_id``.
        ignore_raw_id: Raw id of unlabelled pixels; it becomes the void label 255 and back.

    Raises:
        ValueError: If the lists do not fit together.

    >>> LabelMap(('person', 'road'), 1, (11, 0)).to_labels([[0, 11, 255]]).tolist()
    [[1, 0, 255]]
    """

    def __init__(
        self, classes: Sequence[str], num_things: int, raw_ids: Sequence[int], ignore_raw_id: int = VOID_LABEL
    ) -> None:
        self.classes = tuple(classes)
        self.num_things = int(num_things)
        self.raw_ids = tuple(int(raw_id) for raw_id in raw_ids)
        self.ignore_raw_id = int(ignore_raw_id)
        self._check()
        self.raw_to_label = np.full(max(255, self.ignore_raw_id, *self.raw_ids) + 1, _UNKNOWN, dtype=np.int32)
        self.raw_to_label[list(self.raw_ids)] = np.arange(len(self.raw_ids))
        self.raw_to_label[self.ignore_raw_id] = VOID_LABEL
        self.label_to_raw = np.full(256, _UNKNOWN, dtype=np.int32)
        self.label_to_raw[: len(self.raw_ids)] = self.raw_ids
        self.label_to_raw[VOID_LABEL] = self.ignore_raw_id

    @classmethod
    def from_metainfo(cls, metainfo: Mapping) -> 'LabelMap':
        """Build the tables from ``classes``, ``num_things``, ``raw_ids`` and, optionally, ``ignore_raw_id``.

        Raises:
            ValueError: If a key is missing or the lists do not fit together.
        """
        missing = [key for key in ('classes', 'num_things', 'raw_ids') if key not in metainfo]
        if missing:
            raise ValueError(
                f'metainfo lacks {", ".join(missing)}: a panoptic data set needs classes (model-label order, things '
                'first), num_things and raw_ids (raw class id of every label)'
            )
        return cls(
            metainfo['classes'],
            metainfo['num_things'],
            metainfo['raw_ids'],
            metainfo.get('ignore_raw_id', VOID_LABEL),
        )

    def _check(self) -> None:
        if len(self.classes) != len(self.raw_ids):
            raise ValueError(f'metainfo has {len(self.classes)} classes but {len(self.raw_ids)} raw_ids')
        if not 0 <= self.num_things <= len(self.classes):
            raise ValueError(f'metainfo num_things={self.num_things} is not in [0, {len(self.classes)}]')
        if len(self.classes) > VOID_LABEL:
            raise ValueError(f'metainfo has {len(self.classes)} classes; labels end at {VOID_LABEL - 1}')
        if len(set(self.raw_ids)) != len(self.raw_ids):
            twice = sorted({raw for raw in self.raw_ids if self.raw_ids.count(raw) > 1})
            raise ValueError(f'metainfo raw_ids name {twice} twice')
        if wrong := [raw for raw in self.raw_ids if not 0 <= raw <= _MAX_RAW_ID or raw == self.ignore_raw_id]:
            raise ValueError(
                f'metainfo raw_ids {wrong} are outside [0, {_MAX_RAW_ID}] or equal ignore_raw_id ({self.ignore_raw_id})'
            )
        if not 0 <= self.ignore_raw_id <= _MAX_RAW_ID:
            raise ValueError(f'metainfo ignore_raw_id={self.ignore_raw_id} is outside [0, {_MAX_RAW_ID}]')

    @property
    def num_classes(self) -> int:
        """Number of classes K, things and stuff."""
        return len(self.classes)

    def to_labels(self, raw: np.ndarray, source: str = 'label map') -> np.ndarray:
        """Raw class ids to model labels.

        Args:
            raw: Integers of any shape.
            source: Where they come from, for the message.

        Returns:
            int32 labels of the same shape, 255 = void.

        Raises:
            ValueError: If a raw id is not in the metainfo, naming source and ids.
        """
        known = ', '.join(f'{r} {name}' for r, name in sorted(zip(self.raw_ids, self.classes, strict=True)))
        return _look_up(
            self.raw_to_label,
            raw,
            f'{source}: class id {{ids}} not in the metainfo (known: {known}; ignore {self.ignore_raw_id}). '
            'Correct the file, or name the class in metainfo.classes and metainfo.raw_ids.',
        )

    def to_raw(self, labels: np.ndarray, source: str = 'label map') -> np.ndarray:
        """Model labels to raw class ids, for writing results.

        Args:
            labels: Integers of any shape, 255 = void.
            source: Where they come from, for the message.

        Returns:
            int32 raw ids of the same shape.

        Raises:
            ValueError: If a label has no raw id, naming source and labels.
        """
        return _look_up(
            self.label_to_raw, labels, f'{source}: label {{ids}} is not one of the {self.num_classes} classes or 255'
        )


def _look_up(table: np.ndarray, values: np.ndarray, message: str) -> np.ndarray:
    values = np.asarray(values)
    if values.size and (values.min() < 0 or values.max() >= len(table)):
        wrong = np.unique(values[(values < 0) | (values >= len(table))])
        raise ValueError(message.format(ids=_shown(wrong)))
    found = table[values]
    if (found == _UNKNOWN).any():
        raise ValueError(message.format(ids=_shown(np.unique(values[found == _UNKNOWN]))))
    return found


def _shown(values: np.ndarray) -> str:
    return ', '.join(str(v) for v in values[:10].tolist()) + (' ...' if len(values) > 10 else '')
