"""OVIS."""

from typing import Any

import numpy as np

from videoseg.datasets.synthetic.layouts.sequence_info import SequenceInfo
from videoseg.datasets.synthetic.layouts.youtube_vis import SPLIT_NAMES, YouTubeVISLayout, compressed_rle
from videoseg.datasets.synthetic.rendered_frame import RenderedFrame

SEVERE = 0.5


class OVISLayout(YouTubeVISLayout):
    """``{train,valid}/<video>/img_<frame from 1, %07d>.jpg``, ``annotations_{train,valid}.json``.

    As YouTube-VIS, with compressed RLEs and the ``occlusion`` of every object in every frame, from the share of it that
    the scene hides inside of the frame: ``no_occlusion`` (nothing), ``slight_occlusion`` (up to one half),
    ``severe_occlusion`` (more), null where it is not seen. Crowds have no occlusion.
    """

    name = 'ovis'
    frame_keys = (*YouTubeVISLayout.frame_keys, 'occlusion')

    def folders(self, sequence: SequenceInfo) -> tuple[str, ...]:
        """See :meth:`BaseLayout.folders`."""
        return (f'{SPLIT_NAMES[sequence.split]}/{sequence.name}',)

    def frame_name(self, time: int) -> str:
        """See :meth:`YouTubeVISLayout.frame_name`."""
        return f'img_{time + 1:07d}.jpg'

    def encode_mask(self, mask: np.ndarray) -> dict[str, Any]:
        """See :meth:`YouTubeVISLayout.encode_mask`."""
        return compressed_rle(mask)

    def describe_object(self, frame: RenderedFrame, number: int) -> dict[str, Any]:
        """The level of occlusion."""
        if number == 0:
            return dict(occlusion='no_occlusion')
        return dict(occlusion=occlusion_level(frame.visible_area[number - 1], frame.amodal_area[number - 1]))

    def summary_paths(self, split: str) -> tuple[str, ...]:
        """See :meth:`BaseLayout.summary_paths`."""
        return (f'annotations_{SPLIT_NAMES[split]}.json',)


def occlusion_level(visible: int, amodal: int) -> str:
    """OVIS' name for the hidden share of an object.

    Args:
        visible: Visible pixels, at least 1.
        amodal: Pixels inside of the frame if nothing were in front.
    """
    hidden = 1 - visible / amodal
    return 'no_occlusion' if hidden <= 0 else 'slight_occlusion' if hidden <= SEVERE else 'severe_occlusion'
