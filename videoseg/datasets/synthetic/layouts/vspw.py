"""VSPW."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from videoseg.datasets.synthetic.layouts.base_layout import BaseLayout
from videoseg.datasets.synthetic.layouts.encoding import jpeg_bytes, json_bytes, lines_bytes, png_bytes
from videoseg.datasets.synthetic.layouts.sequence_info import SequenceInfo
from videoseg.datasets.synthetic.presets import CLASSES, VOID
from videoseg.datasets.synthetic.rendered_frame import RenderedFrame


class VSPWLayout(BaseLayout):
    """``data/<video>/{origin/<frame %08d>.jpg,mask/<frame>.png}``, ``<split>.txt``.

    Pixels (specs/evaluators.md section 8): 0 void, otherwise raw class id + 1. Crowds are pixels of their class.
    """

    name = 'vspw'

    def folders(self, sequence: SequenceInfo) -> tuple[str, ...]:
        """See :meth:`BaseLayout.folders`."""
        return (f'data/{sequence.name}',)

    def frame_paths(self, sequence: SequenceInfo, time: int) -> tuple[str, ...]:
        """See :meth:`BaseLayout.frame_paths`."""
        (folder,) = self.folders(sequence)
        return f'{folder}/mask/{time:08d}.png', f'{folder}/origin/{time:08d}.jpg'

    def encode_frame(self, sequence: SequenceInfo, time: int, frame: RenderedFrame) -> dict[str, bytes]:
        """See :meth:`BaseLayout.encode_frame`."""
        mask, image = self.frame_paths(sequence, time)
        values = np.where(frame.raw_map == VOID, 0, frame.raw_map + 1).astype(np.uint8)
        return {mask: png_bytes(values), image: jpeg_bytes(frame.image)}

    def summary_paths(self, split: str) -> tuple[str, ...]:
        """See :meth:`BaseLayout.summary_paths`."""
        return (f'{split}.txt',)

    def summary_files(
        self, split: str, sequences: Sequence[SequenceInfo], records: Sequence[list[Any]]
    ) -> dict[str, bytes]:
        """The list of the split's videos."""
        return {self.summary_paths(split)[0]: lines_bytes([sequence.name for sequence in sequences])}

    def common_files(self) -> dict[str, bytes]:
        """Class names with their pixel values, named as in VSPW."""
        values = {'others': 0} | {info.name: info.raw_id + 1 for info in CLASSES}
        return {'label_num_dic_final.json': json_bytes(values)}
