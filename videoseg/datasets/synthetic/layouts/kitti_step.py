"""KITTI-STEP."""

import numpy as np

from videoseg.datasets.synthetic.layouts.base_layout import BaseLayout
from videoseg.datasets.synthetic.layouts.encoding import png_bytes
from videoseg.datasets.synthetic.layouts.sequence_info import SequenceInfo
from videoseg.datasets.synthetic.rendered_frame import RenderedFrame


class KittiStepLayout(BaseLayout):
    """``images`` and ``panoptic_maps/<split>/<sequence>/<frame %06d>.png`` (specs/evaluators.md section 10).

    Crowds are things with instance 0, void is class 255.
    """

    name = 'kitti_step'

    def folders(self, sequence: SequenceInfo) -> tuple[str, ...]:
        """See :meth:`BaseLayout.folders`: maps before images."""
        return tuple(f'{folder}/{sequence.split}/{sequence.name}' for folder in ('panoptic_maps', 'images'))

    def frame_paths(self, sequence: SequenceInfo, time: int) -> tuple[str, ...]:
        """See :meth:`BaseLayout.frame_paths`."""
        return tuple(f'{folder}/{time:06d}.png' for folder in self.folders(sequence))

    def encode_frame(self, sequence: SequenceInfo, time: int, frame: RenderedFrame) -> dict[str, bytes]:
        """See :meth:`BaseLayout.encode_frame`."""
        pictures = (encode_step_map(frame.raw_map, frame.instance_map), frame.image)
        return dict(zip(self.frame_paths(sequence, time), map(png_bytes, pictures), strict=True))


def encode_step_map(raw_map: np.ndarray, instance_map: np.ndarray) -> np.ndarray:
    """Colours of a KITTI-STEP panoptic PNG.

    Args:
        raw_map: (H, W) uint8 raw class ids, 255 = void.
        instance_map: (H, W) instance ids in [0, 65535].

    Returns:
        (H, W, 3) uint8 RGB: class id, instance // 256, instance % 256.

    Raises:
        ValueError: If an instance id does not fit into 16 bits.
    """
    ids = instance_map.astype(np.int64)
    if ids.size and (ids.min() < 0 or ids.max() > 65535):
        raise ValueError(f'instance ids must be in [0, 65535], got {ids.min()}..{ids.max()}')
    return np.stack([raw_map, ids // 256, ids % 256], axis=-1).astype(np.uint8)
