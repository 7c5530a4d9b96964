"""VIPSeg, as it is published."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from videoseg.datasets.synthetic.layouts.base_layout import BaseLayout
from videoseg.datasets.synthetic.layouts.encoding import jpeg_bytes, json_bytes, lines_bytes, png_bytes
from videoseg.datasets.synthetic.layouts.segments import CATEGORIES, crowd_mask
from videoseg.datasets.synthetic.layouts.sequence_info import SequenceInfo
from videoseg.datasets.synthetic.presets import VOID
from videoseg.datasets.synthetic.rendered_frame import RenderedFrame

_MAX_INSTANCES = 100


class VIPSegRawLayout(BaseLayout):
    """``imgs/<video>/<frame %08d>.jpg``, 16-bit ``panomasks/<video>/<frame>.png``, ``<split>.txt``, a list of classes.

    Pixels (specs/evaluators.md section 10): 0 void, stuff ``class id + 1``, things ``(class id + 1) * 100 + instance``
    with instances from 0, so at most 100 objects a video. The crowds of the scenes are void.
    """

    name = 'vipseg_raw'

    def folders(self, sequence: SequenceInfo) -> tuple[str, ...]:
        """See :meth:`BaseLayout.folders`."""
        return f'panomasks/{sequence.name}', f'imgs/{sequence.name}'

    def frame_paths(self, sequence: SequenceInfo, time: int) -> tuple[str, ...]:
        """See :meth:`BaseLayout.frame_paths`."""
        masks, images = self.folders(sequence)
        return f'{masks}/{time:08d}.png', f'{images}/{time:08d}.jpg'

    def encode_frame(self, sequence: SequenceInfo, time: int, frame: RenderedFrame) -> dict[str, bytes]:
        """See :meth:`BaseLayout.encode_frame`."""
        mask, image = self.frame_paths(sequence, time)
        if frame.instance_map.max() > _MAX_INSTANCES:
            raise ValueError(
                f'{mask}: object {frame.instance_map.max()} does not fit; the raw VIPSeg encoding holds '
                f'{_MAX_INSTANCES} objects a video. Ask for shorter sequences or layout vipseg'
            )
        return {mask: png_bytes(encode_vipseg_map(frame)), image: jpeg_bytes(frame.image)}

    def summary_paths(self, split: str) -> tuple[str, ...]:
        """See :meth:`BaseLayout.summary_paths`."""
        return (f'{split}.txt',)

    def summary_files(
        self, split: str, sequences: Sequence[SequenceInfo], records: Sequence[list[Any]]
    ) -> dict[str, bytes]:
        """The list of the split's videos."""
        return {self.summary_paths(split)[0]: lines_bytes([sequence.name for sequence in sequences])}

    def common_files(self) -> dict[str, bytes]:
        """The classes."""
        return {'panoVIPSeg_categories.json': json_bytes(CATEGORIES)}


def encode_vipseg_map(frame: RenderedFrame) -> np.ndarray:
    """(H, W) uint16 pixels of a raw VIPSeg mask."""
    classes = frame.raw_map.astype(np.uint16) + 1
    values = np.where(frame.instance_map > 0, classes * 100 + frame.instance_map - 1, classes)
    values[(frame.raw_map == VOID) | crowd_mask(frame)] = 0
    return values.astype(np.uint16)
