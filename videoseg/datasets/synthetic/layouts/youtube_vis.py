"""YouTube-VIS 2019."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from videoseg.datasets.synthetic.layouts.base_layout import BaseLayout
from videoseg.datasets.synthetic.layouts.encoding import jpeg_bytes, json_bytes
from videoseg.datasets.synthetic.layouts.segments import crowd_mask
from videoseg.datasets.synthetic.layouts.sequence_info import SequenceInfo
from videoseg.datasets.synthetic.presets import RAW_ID, THINGS
from videoseg.datasets.synthetic.rendered_frame import RenderedFrame
from videoseg.structures.rle import encode_masks

SPLIT_NAMES = {'train': 'train', 'val': 'valid'}
CATEGORY_ID = {RAW_ID[info.name]: number for number, info in enumerate(THINGS, start=1)}
"""Raw class id -> category id: as in YouTube-VIS these are 1, 2 ... and things only."""

CATEGORIES = [dict(id=CATEGORY_ID[info.raw_id], name=info.name, color=list(info.color)) for info in THINGS]


class YouTubeVISLayout(BaseLayout):
    """``{train,valid}/JPEGImages/<video>/<frame %05d>.jpg``, ``{train,valid}.json`` (specs/evaluators.md section 10).

    One annotation an object, with one mask a frame (null where nothing of it is seen): uncompressed RLE, as in the
    official jsons. A crowd is an annotation with ``iscrowd=1`` a class. Stuff and void cannot be told.
    """

    name = 'youtube_vis'
    has_records = True
    metainfo = dict(
        classes=tuple(info.name for info in THINGS),
        num_things=len(THINGS),
        raw_ids=tuple(CATEGORY_ID.values()),
        palette=[info.color for info in THINGS],
    )
    frame_keys: ClassVar[tuple[str, ...]] = ('segmentations', 'areas', 'bboxes')

    def folders(self, sequence: SequenceInfo) -> tuple[str, ...]:
        """See :meth:`BaseLayout.folders`."""
        return (f'{SPLIT_NAMES[sequence.split]}/JPEGImages/{sequence.name}',)

    def frame_name(self, time: int) -> str:
        """File name of a frame."""
        return f'{time:05d}.jpg'

    def frame_paths(self, sequence: SequenceInfo, time: int) -> tuple[str, ...]:
        """See :meth:`BaseLayout.frame_paths`."""
        return (f'{self.folders(sequence)[0]}/{self.frame_name(time)}',)

    def encode_frame(self, sequence: SequenceInfo, time: int, frame: RenderedFrame) -> dict[str, bytes]:
        """See :meth:`BaseLayout.encode_frame`."""
        return {self.frame_paths(sequence, time)[0]: jpeg_bytes(frame.image)}

    def encode_mask(self, mask: np.ndarray) -> dict[str, Any]:
        """An RLE of an (H, W) bool mask."""
        return dict(size=list(mask.shape), counts=count_runs(mask))

    def describe_frame(self, sequence: SequenceInfo, time: int, frame: RenderedFrame) -> list[dict[str, Any]]:
        """The visible objects, and after them the crowds, which have instance 0."""
        numbers = (np.flatnonzero(frame.visible_area) + 1).tolist()
        objects = [(number, frame.instance_map == number) for number in numbers]
        crowd = crowd_mask(frame)
        crowds = [(0, crowd & (frame.raw_map == raw_id)) for raw_id in np.unique(frame.raw_map[crowd])]
        entries = []
        for number, mask in objects + crowds:
            rows, columns = np.nonzero(mask)
            x, y = int(columns.min()), int(rows.min())
            entries.append(
                dict(
                    instance=number,
                    category_id=CATEGORY_ID[int(frame.raw_map[rows[0], columns[0]])],
                    segmentations=self.encode_mask(mask),
                    areas=len(rows),
                    bboxes=[x, y, int(columns.max()) - x + 1, int(rows.max()) - y + 1],
                    **self.describe_object(frame, number),
                )
            )
        return entries

    def describe_object(self, frame: RenderedFrame, number: int) -> dict[str, Any]:
        """What a layout adds to a frame of an object (``number`` 0: a crowd), under keys of ``frame_keys``."""
        return {}

    def summary_paths(self, split: str) -> tuple[str, ...]:
        """See :meth:`BaseLayout.summary_paths`."""
        return (f'{SPLIT_NAMES[split]}.json',)

    def summary_files(
        self, split: str, sequences: Sequence[SequenceInfo], records: Sequence[list[Any]]
    ) -> dict[str, bytes]:
        """The json of the split; videos and annotations are numbered from 1."""
        videos, annotations = [], []
        for video_id, (sequence, record) in enumerate(zip(sequences, records, strict=True), start=1):
            height, width = sequence.size
            names = [f'{sequence.name}/{self.frame_name(time)}' for time in range(sequence.num_frames)]
            videos.append(dict(id=video_id, width=width, height=height, length=len(names), file_names=names))
            for (instance, category_id), frames in _group_tracks(record).items():
                annotations.append(
                    dict(
                        id=len(annotations) + 1,
                        video_id=video_id,
                        category_id=category_id,
                        iscrowd=int(instance == 0),
                        length=len(names),
                        width=width,
                        height=height,
                        **{key: [entry and entry[key] for entry in frames] for key in self.frame_keys},
                    )
                )
        info = dict(description=f'synthetic videos, layout {self.name}')
        content = dict(info=info, videos=videos, annotations=annotations, categories=CATEGORIES)
        return {self.summary_paths(split)[0]: json_bytes(content)}


def count_runs(mask: np.ndarray) -> list[int]:
    """Lengths of the runs of an (H, W) mask, column by column; the first run is outside."""
    flat = np.r_[False, mask.ravel(order='F')]
    borders = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff(np.r_[0, borders, mask.size]).tolist()


def compressed_rle(mask: np.ndarray) -> dict[str, Any]:
    """Compressed RLE of an (H, W) bool mask, fit for a json."""
    (rle,) = encode_masks(mask[None])
    return dict(size=[int(x) for x in rle['size']], counts=rle['counts'].decode('ascii'))


def _group_tracks(record: list[list[dict[str, Any]]]) -> dict[tuple[int, int], list[dict[str, Any] | None]]:
    """(instance, category id) -> its entry in every frame or None; objects by number, crowds last."""
    keys = {(entry['instance'], entry['category_id']) for frame in record for entry in frame}
    tracks = {key: [None] * len(record) for key in sorted(keys, key=lambda key: (key[0] == 0, key))}
    for time, frame in enumerate(record):
        for entry in frame:
            tracks[entry['instance'], entry['category_id']][time] = entry
    return tracks
