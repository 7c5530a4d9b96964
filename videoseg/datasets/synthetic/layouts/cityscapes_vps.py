"""Cityscapes-VPS."""

from collections.abc import Sequence
from typing import Any

from videoseg.datasets.synthetic.layouts.base_layout import BaseLayout
from videoseg.datasets.synthetic.layouts.encoding import json_bytes, png_bytes
from videoseg.datasets.synthetic.layouts.segments import CATEGORIES, describe_segments, id_colors, segment_ids
from videoseg.datasets.synthetic.layouts.sequence_info import SequenceInfo
from videoseg.datasets.synthetic.rendered_frame import RenderedFrame

STEP = 5
CITYSCAPES_FRAME = 19


class CityscapesVPSLayout(BaseLayout):
    """``<split>/img_all/*.png``, ``<split>/panoptic_video/*.png`` and jsons; every fifth frame is labelled.

    File names are those of specs/evaluators.md section 10, ``<video>_<frame>_synthetic_<video>_<frame>_`` followed by
    ``newImg8bit.png`` and ``final_mask.png``, or for the 20th frame of a video (the one that Cityscapes labels itself)
    ``leftImg8bit.png`` and ``gtFine_color.png``. Videos have 30 frames by default, of which the 5th, 10th ... 30th are
    labelled and listed in ``panoptic_gt_<split>_city_vps.json``; ``im_all_info_<split>_city_vps.json`` lists all.
    """

    name = 'cityscapes_vps'
    default_frames = 30
    min_frames = STEP
    has_records = True

    def frame_paths(self, sequence: SequenceInfo, time: int) -> tuple[str, ...]:
        """See :meth:`BaseLayout.frame_paths`."""
        image = f'{sequence.split}/img_all/{_image_name(sequence, time)}'
        if not is_labelled(time):
            return (image,)
        return image, f'{sequence.split}/panoptic_video/{_mask_name(sequence, time)}'

    def encode_frame(self, sequence: SequenceInfo, time: int, frame: RenderedFrame) -> dict[str, bytes]:
        """See :meth:`BaseLayout.encode_frame`."""
        image, *mask = self.frame_paths(sequence, time)
        files = {image: png_bytes(frame.image)}
        return files | {path: png_bytes(id_colors(segment_ids(frame))) for path in mask}

    def describe_frame(self, sequence: SequenceInfo, time: int, frame: RenderedFrame) -> list[dict[str, Any]] | None:
        """The ``segments_info`` of the frame, None if it is not labelled."""
        return describe_segments(segment_ids(frame)) if is_labelled(time) else None

    def summary_paths(self, split: str) -> tuple[str, ...]:
        """See :meth:`BaseLayout.summary_paths`."""
        return f'panoptic_gt_{split}_city_vps.json', f'im_all_info_{split}_city_vps.json'

    def summary_files(
        self, split: str, sequences: Sequence[SequenceInfo], records: Sequence[list[Any]]
    ) -> dict[str, bytes]:
        """The jsons of the labelled and of all frames of the split."""
        all_images, images, annotations = [], [], []
        for sequence, record in zip(sequences, records, strict=True):
            height, width = sequence.size
            for time, segments in enumerate(record):
                name = _stem(sequence, time)
                image = dict(id=name, file_name=_image_name(sequence, time), width=width, height=height)
                all_images.append(image)
                if segments is not None:
                    images.append(image)
                    annotations.append(
                        dict(image_id=name, file_name=_mask_name(sequence, time), segments_info=segments)
                    )
        labelled, everything = self.summary_paths(split)
        return {
            labelled: json_bytes(dict(images=images, annotations=annotations, categories=CATEGORIES)),
            everything: json_bytes(dict(images=all_images, categories=CATEGORIES)),
        }


def is_labelled(time: int) -> bool:
    """Whether frame ``time`` (from 0) of a video has labels."""
    return time % STEP == STEP - 1


def _stem(sequence: SequenceInfo, time: int) -> str:
    return f'{sequence.name}_{time:04d}_synthetic_{sequence.number:06d}_{time:06d}'


def _image_name(sequence: SequenceInfo, time: int) -> str:
    return f'{_stem(sequence, time)}_{"leftImg8bit" if time == CITYSCAPES_FRAME else "newImg8bit"}.png'


def _mask_name(sequence: SequenceInfo, time: int) -> str:
    return f'{_stem(sequence, time)}_{"gtFine_color" if time == CITYSCAPES_FRAME else "final_mask"}.png'
