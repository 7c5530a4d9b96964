"""Cityscapes panoptic images."""

from videoseg.datasets.synthetic.layouts.encoding import png_bytes
from videoseg.datasets.synthetic.layouts.panoptic_images import PanopticImagesLayout
from videoseg.datasets.synthetic.layouts.sequence_info import SequenceInfo
from videoseg.datasets.synthetic.rendered_frame import RenderedFrame

CITY = 'synthetic'


class CityscapesPanopticLayout(PanopticImagesLayout):
    """``leftImg8bit/<split>/<city>/*_leftImg8bit.png``, ``gtFine/cityscapes_panoptic_<split>{.json,/}``.

    As the official scripts write it, the json calls the images ``<id>_gtFine_leftImg8bit.png``; on disk they are
    ``<id>_leftImg8bit.png`` in the folder of their city.
    """

    name = 'cityscapes_panoptic'

    def frame_paths(self, sequence: SequenceInfo, time: int) -> tuple[str, ...]:
        """See :meth:`BaseLayout.frame_paths`."""
        name = self.image_id(sequence, time)
        return (
            f'leftImg8bit/{sequence.split}/{CITY}/{name}_leftImg8bit.png',
            f'gtFine/cityscapes_panoptic_{sequence.split}/{name}_gtFine_panoptic.png',
        )

    def image_id(self, sequence: SequenceInfo, time: int) -> str:
        """``<city>_<sequence %06d>_<frame %06d>``."""
        return f'{CITY}_{sequence.number:06d}_{time:06d}'

    def json_names(self, sequence: SequenceInfo, time: int) -> tuple[str, str]:
        """See :meth:`PanopticImagesLayout.json_names`."""
        name = self.image_id(sequence, time)
        return f'{name}_gtFine_leftImg8bit.png', f'{name}_gtFine_panoptic.png'

    def encode_image(self, frame: RenderedFrame) -> bytes:
        """A PNG."""
        return png_bytes(frame.image)

    def summary_paths(self, split: str) -> tuple[str, ...]:
        """See :meth:`BaseLayout.summary_paths`."""
        return (f'gtFine/cityscapes_panoptic_{split}.json',)
