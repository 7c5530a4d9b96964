"""Cityscapes panoptic images."""

from pathlib import Path

from videoseg.datasets.cityscapes_classes import cityscapes_metainfo
from videoseg.datasets.panoptic_images import PanopticImageDataset
from videoseg.evaluation.formats.panoptic_json import PanopticFrame
from videoseg.registry import DATASETS

_LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
_ENDINGS = ('_leftImg8bit', '_gtFine_panoptic')


@DATASETS.register_module()
class CityscapesPanopticImageDataset(PanopticImageDataset):
    """Cityscapes images for pre-training: each is a video of one frame; 19 classes, 8 of them things.

    Layout: ``leftImg8bit/<split>/<city>/<id>_leftImg8bit.png``, ``gtFine/cityscapes_panoptic_<split>.json`` and the
    folder of that name with ``<id>_gtFine_panoptic.png``. For example ``data_root='data/cityscapes',
    ann_file='gtFine/cityscapes_panoptic_train.json', data_prefix=dict(img='leftImg8bit/train',
    seg='gtFine/cityscapes_panoptic_train')``. Category ids are Cityscapes' label ids 7 ... 33, which is what its
    scripts write by default; for a json with train ids set ``metainfo=dict(raw_ids=...)``. Groups are crowds.

    For a model of KITTI-STEP's classes, where only person and car are things, set ``classes`` in KITTI-STEP's order,
    ``num_things=2`` and, if names differ, ``raw_ids``.

    See :class:`BasePanopticJsonDataset` for the arguments. Source: Cordts et al., CVPR 2016; Kirillov et al., Panoptic
    Segmentation, CVPR 2019.
    """

    METAINFO = cityscapes_metainfo('cityscapes_panoptic', _LABEL_IDS)

    LAYOUT = 'sequences'

    def image_name(self, video_id: str, frame: PanopticFrame) -> str:
        """``<city>/<id>_leftImg8bit``."""
        name = frame.path.stem.removesuffix(_ENDINGS[1])
        return f'{name.split("_")[0]}/{name}{_ENDINGS[0]}'

    def unlabelled_videos(self) -> list[dict]:
        """See :class:`BasePanopticJsonDataset`."""
        paths = [path for city in super().unlabelled_videos() for path in city['img_paths']]
        names = [Path(path).stem.removesuffix(_ENDINGS[0]) for path in paths]
        return [
            dict(video_id=name, video_length=1, img_paths=[path], seg_map_paths=None, image_ids=[name])
            for name, path in zip(names, paths, strict=True)
        ]
