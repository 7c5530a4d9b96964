"""Panoptic images: what the layouts of COCO and of Cityscapes have in common."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from videoseg.datasets.synthetic.layouts.base_layout import BaseLayout
from videoseg.datasets.synthetic.layouts.encoding import json_bytes, png_bytes
from videoseg.datasets.synthetic.layouts.segments import CATEGORIES, describe_segments, id_colors, segment_ids
from videoseg.datasets.synthetic.layouts.sequence_info import SequenceInfo
from videoseg.datasets.synthetic.rendered_frame import RenderedFrame


class PanopticImagesLayout(BaseLayout):
    """Every frame is an image of its own; id PNGs and one json a split. Crowds have ``iscrowd=1``, void is id 0.

    Subclasses name the files; :meth:`frame_paths` gives image and mask, in this order.
    """

    has_records = True

    @abstractmethod
    def image_id(self, sequence: SequenceInfo, time: int) -> str | int:
        """``id`` of the image in the json."""

    @abstractmethod
    def json_names(self, sequence: SequenceInfo, time: int) -> tuple[str, str]:
        """``file_name`` of image and mask in the json."""

    @abstractmethod
    def encode_image(self, frame: RenderedFrame) -> bytes:
        """Content of the image file."""

    def encode_frame(self, sequence: SequenceInfo, time: int, frame: RenderedFrame) -> dict[str, bytes]:
        """See :meth:`BaseLayout.encode_frame`."""
        image, mask = self.frame_paths(sequence, time)
        return {image: self.encode_image(frame), mask: png_bytes(id_colors(segment_ids(frame)))}

    def describe_frame(self, sequence: SequenceInfo, time: int, frame: RenderedFrame) -> list[dict[str, Any]]:
        """The ``segments_info`` of the frame."""
        return describe_segments(segment_ids(frame))

    def summary_files(
        self, split: str, sequences: Sequence[SequenceInfo], records: Sequence[list[Any]]
    ) -> dict[str, bytes]:
        """The json of the split."""
        images, annotations = [], []
        for sequence, record in zip(sequences, records, strict=True):
            height, width = sequence.size
            for time, segments in enumerate(record):
                image_id = self.image_id(sequence, time)
                image, mask = self.json_names(sequence, time)
                images.append(dict(id=image_id, file_name=image, width=width, height=height))
                annotations.append(dict(image_id=image_id, file_name=mask, segments_info=segments))
        content = dict(images=images, annotations=annotations, categories=CATEGORIES)
        return {self.summary_paths(split)[0]: json_bytes(content)}
