"""Panoptic images in COCO's format."""

from collections.abc import Mapping

from videoseg.datasets.base_panoptic_json import BasePanopticJsonDataset
from videoseg.evaluation.formats.coco_panoptic import read_coco_panoptic
from videoseg.evaluation.formats.panoptic_json import PanopticFrame, PanopticVideos
from videoseg.registry import DATASETS


@DATASETS.register_module()
class PanopticImageDataset(BasePanopticJsonDataset):
    """Images with panoptic labels in COCO's format, for pre-training: each is a video of one frame.

    The classes are those of the json. Image and PNG have the same name but for the ending.

    See :class:`BasePanopticJsonDataset` for the arguments. Source: Kirillov et al., Panoptic Segmentation, CVPR 2019;
    ``specs/evaluators.md`` sections 2 and 10.
    """

    LAYOUT = 'images'

    def read_annotations(self, labels: Mapping[int, int]) -> PanopticVideos:
        """See :class:`BasePanopticJsonDataset`."""
        return read_coco_panoptic(self.ann_file, self.data_prefix['seg'], labels)

    def image_name(self, video_id: str, frame: PanopticFrame) -> str:
        """Name of the PNG."""
        return frame.path.stem

    def image_id(self, frame: PanopticFrame) -> str | int:
        """A number where it reads like one."""
        return int(frame.name) if frame.name.isdecimal() and str(int(frame.name)) == frame.name else frame.name
