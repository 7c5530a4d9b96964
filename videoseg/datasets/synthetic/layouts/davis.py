"""DAVIS-2017."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from videoseg.datasets.synthetic.layouts.base_layout import BaseLayout
from videoseg.datasets.synthetic.layouts.encoding import jpeg_bytes, lines_bytes, palette_png_bytes
from videoseg.datasets.synthetic.layouts.sequence_info import SequenceInfo
from videoseg.datasets.synthetic.presets import VOID
from videoseg.datasets.synthetic.rendered_frame import RenderedFrame

VOID_OBJECT = 255


class DavisLayout(BaseLayout):
    """``JPEGImages/480p/<video>/<frame %05d>.jpg``, ``Annotations/480p/<video>/<frame>.png``, ``ImageSets/2017``.

    Palette PNGs of object ids without classes, at most 254 a video. Stuff and crowds are background (0), void is 255.
    """

    name = 'davis'
    metainfo = dict(classes=('object',), num_things=1, raw_ids=(1,), palette=[(220, 20, 60)])

    def folders(self, sequence: SequenceInfo) -> tuple[str, ...]:
        """See :meth:`BaseLayout.folders`."""
        return f'Annotations/480p/{sequence.name}', f'JPEGImages/480p/{sequence.name}'

    def frame_paths(self, sequence: SequenceInfo, time: int) -> tuple[str, ...]:
        """See :meth:`BaseLayout.frame_paths`."""
        masks, images = self.folders(sequence)
        return f'{masks}/{time:05d}.png', f'{images}/{time:05d}.jpg'

    def encode_frame(self, sequence: SequenceInfo, time: int, frame: RenderedFrame) -> dict[str, bytes]:
        """See :meth:`BaseLayout.encode_frame`."""
        mask, image = self.frame_paths(sequence, time)
        if frame.instance_map.max() >= VOID_OBJECT:
            raise ValueError(
                f'{mask}: object {frame.instance_map.max()} does not fit; DAVIS holds {VOID_OBJECT - 1} objects a '
                'video. Ask for shorter sequences'
            )
        objects = np.where(frame.raw_map == VOID, VOID_OBJECT, frame.instance_map).astype(np.uint8)
        return {mask: palette_png_bytes(objects, _bit_palette()), image: jpeg_bytes(frame.image)}

    def summary_paths(self, split: str) -> tuple[str, ...]:
        """See :meth:`BaseLayout.summary_paths`."""
        return (f'ImageSets/2017/{split}.txt',)

    def summary_files(
        self, split: str, sequences: Sequence[SequenceInfo], records: Sequence[list[Any]]
    ) -> dict[str, bytes]:
        """The list of the split's videos."""
        return {self.summary_paths(split)[0]: lines_bytes([sequence.name for sequence in sequences])}


def _bit_palette() -> np.ndarray:
    """(256, 3) uint8: the bits of the number dealt to R, G, B in turn, lowest first, filled from the highest bit."""
    numbers = np.arange(256)
    colors = np.zeros((256, 3), np.int64)
    for bit in range(8):
        colors[:, bit % 3] |= (numbers >> bit & 1) << (7 - bit // 3)
    return colors.astype(np.uint8)
