"""VIPSeg, converted form."""

from collections.abc import Sequence
from typing import Any

from videoseg.datasets.synthetic.layouts.base_layout import BaseLayout
from videoseg.datasets.synthetic.layouts.encoding import jpeg_bytes, json_bytes, png_bytes
from videoseg.datasets.synthetic.layouts.segments import CATEGORIES, describe_segments, id_colors, segment_ids
from videoseg.datasets.synthetic.layouts.sequence_info import SequenceInfo
from videoseg.datasets.synthetic.rendered_frame import RenderedFrame


class VIPSegLayout(BaseLayout):
    """``imgs/<video>/<frame %08d>.jpg``, ``panomasksRGB/<video>/<frame>.png``, ``panoptic_gt_VIPSeg_<split>.json``.

    As after the official conversion (specs/evaluators.md section 10): ids as colours, constant over a video, nested
    json. VIPSeg knows no crowds (``iscrowd`` is always 0): the crowds of the scenes are void.
    """

    name = 'vipseg'
    has_records = True

    def folders(self, sequence: SequenceInfo) -> tuple[str, ...]:
        """See :meth:`BaseLayout.folders`."""
        return f'panomasksRGB/{sequence.name}', f'imgs/{sequence.name}'

    def frame_paths(self, sequence: SequenceInfo, time: int) -> tuple[str, ...]:
        """See :meth:`BaseLayout.frame_paths`."""
        masks, images = self.folders(sequence)
        return f'{masks}/{time:08d}.png', f'{images}/{time:08d}.jpg'

    def encode_frame(self, sequence: SequenceInfo, time: int, frame: RenderedFrame) -> dict[str, bytes]:
        """See :meth:`BaseLayout.encode_frame`."""
        mask, image = self.frame_paths(sequence, time)
        return {mask: png_bytes(id_colors(segment_ids(frame, keep_crowd=False))), image: jpeg_bytes(frame.image)}

    def describe_frame(self, sequence: SequenceInfo, time: int, frame: RenderedFrame) -> list[dict[str, Any]]:
        """The ``segments_info`` of the frame."""
        return describe_segments(segment_ids(frame, keep_crowd=False))

    def summary_paths(self, split: str) -> tuple[str, ...]:
        """See :meth:`BaseLayout.summary_paths`."""
        return (f'panoptic_gt_VIPSeg_{split}.json',)

    def summary_files(
        self, split: str, sequences: Sequence[SequenceInfo], records: Sequence[list[Any]]
    ) -> dict[str, bytes]:
        """The json of the split."""
        videos, annotations = [], []
        for sequence, record in zip(sequences, records, strict=True):
            height, width = sequence.size
            names = [f'{time:08d}' for time in range(sequence.num_frames)]
            images = [dict(id=name, file_name=f'{name}.jpg', width=width, height=height) for name in names]
            frames = [
                dict(image_id=name, file_name=f'{name}.png', segments_info=segments)
                for name, segments in zip(names, record, strict=True)
            ]
            videos.append(dict(video_id=sequence.name, images=images))
            annotations.append(dict(video_id=sequence.name, annotations=frames))
        content = dict(videos=videos, annotations=annotations, categories=CATEGORIES)
        return {self.summary_paths(split)[0]: json_bytes(content)}
