"""COCO panoptic images."""

from videoseg.datasets.synthetic.layouts.encoding import jpeg_bytes
from videoseg.datasets.synthetic.layouts.panoptic_images import PanopticImagesLayout
from videoseg.datasets.synthetic.layouts.sequence_info import SequenceInfo
from videoseg.datasets.synthetic.rendered_frame import RenderedFrame

_MAX_FRAMES = 100_000


class CocoPanopticLayout(PanopticImagesLayout):
    """``<split>2017/<id %012d>.jpg``, ``annotations/panoptic_<split>2017{.json,/<id>.png}``.

    Image ids are ``sequence * 100000 + frame + 1``: they fit into 32 bits.
    """

    name = 'coco_panoptic'

    def frame_paths(self, sequence: SequenceInfo, time: int) -> tuple[str, ...]:
        """See :meth:`BaseLayout.frame_paths`."""
        image, mask = self.json_names(sequence, time)
        return f'{sequence.split}2017/{image}', f'annotations/panoptic_{sequence.split}2017/{mask}'

    def image_id(self, sequence: SequenceInfo, time: int) -> int:
        """A number.

        Raises:
            ValueError: If the sequence is too long for the numbering.
        """
        if time >= _MAX_FRAMES:
            raise ValueError(f'layout {self.name} numbers {_MAX_FRAMES} frames a sequence, got frame {time}')
        return sequence.number * _MAX_FRAMES + time + 1

    def json_names(self, sequence: SequenceInfo, time: int) -> tuple[str, str]:
        """See :meth:`PanopticImagesLayout.json_names`."""
        name = f'{self.image_id(sequence, time):012d}'
        return f'{name}.jpg', f'{name}.png'

    def encode_image(self, frame: RenderedFrame) -> bytes:
        """A JPEG."""
        return jpeg_bytes(frame.image)

    def summary_paths(self, split: str) -> tuple[str, ...]:
        """See :meth:`BaseLayout.summary_paths`."""
        return (f'annotations/panoptic_{split}2017.json',)
