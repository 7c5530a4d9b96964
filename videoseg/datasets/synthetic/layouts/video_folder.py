"""The plain layout for one's own data."""

from collections.abc import Sequence
from typing import Any

from videoseg.datasets.synthetic.layouts.base_layout import BaseLayout
from videoseg.datasets.synthetic.layouts.encoding import jpeg_bytes, json_bytes, png_bytes
from videoseg.datasets.synthetic.layouts.segments import CATEGORIES, describe_segments, id_colors, segment_ids
from videoseg.datasets.synthetic.layouts.sequence_info import SequenceInfo
from videoseg.datasets.synthetic.rendered_frame import RenderedFrame


class VideoFolderLayout(BaseLayout):
    """``<split>/{frames/<video>/<frame %06d>.jpg, panoptic/<video>/<frame>.png, annotations.json}``.

    Crowds have ``iscrowd=1``, void is id 0.
    """

    name = 'video_folder'
    has_records = True

    def folders(self, sequence: SequenceInfo) -> tuple[str, ...]:
        """See :meth:`BaseLayout.folders`."""
        return tuple(f'{sequence.split}/{folder}/{sequence.name}' for folder in ('panoptic', 'frames'))

    def frame_paths(self, sequence: SequenceInfo, time: int) -> tuple[str, ...]:
        """See :meth:`BaseLayout.frame_paths`."""
        masks, images = self.folders(sequence)
        return f'{masks}/{time:06d}.png', f'{images}/{time:06d}.jpg'

    def encode_frame(self, sequence: SequenceInfo, time: int, frame: RenderedFrame) -> dict[str, bytes]:
        """See :meth:`BaseLayout.encode_frame`."""
        mask, image = self.frame_paths(sequence, time)
        return {mask: png_bytes(id_colors(segment_ids(frame))), image: jpeg_bytes(frame.image)}

    def describe_frame(self, sequence: SequenceInfo, time: int, frame: RenderedFrame) -> list[dict[str, Any]]:
        """The segments of the frame."""
        return [
            {key: segment[key] for key in ('id', 'category_id', 'iscrowd')}
            for segment in describe_segments(segment_ids(frame))
        ]

    def summary_paths(self, split: str) -> tuple[str, ...]:
        """See :meth:`BaseLayout.summary_paths`."""
        return (f'{split}/annotations.json',)

    def summary_files(
        self, split: str, sequences: Sequence[SequenceInfo], records: Sequence[list[Any]]
    ) -> dict[str, bytes]:
        """The json of the split."""
        videos = [
            dict(
                name=sequence.name,
                frames=[dict(file_name=f'{time:06d}.jpg', segments=segments) for time, segments in enumerate(record)],
            )
            for sequence, record in zip(sequences, records, strict=True)
        ]
        return {self.summary_paths(split)[0]: json_bytes(dict(categories=CATEGORIES, videos=videos))}
