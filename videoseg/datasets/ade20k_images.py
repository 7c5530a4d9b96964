"""ADE20K images."""

from mmseg.utils import ade_classes, ade_palette

from videoseg.datasets.semantic_images import SemanticImageDataset
from videoseg.registry import DATASETS

NUM_CLASSES = 150


@DATASETS.register_module()
class ADE20KImageDataset(SemanticImageDataset):
    """ADE20K (MIT scene parsing benchmark): semantic segmentation of images, 150 classes, all of them stuff.

    Layout: ``images/{training,validation}/<name>.jpg`` and ``annotations/{training,validation}/<name>.png``. For
    example ``data_root='data/ADEChallengeData2016', data_prefix=dict(img='images/training',
    seg='annotations/training')``. Pixel 0 is "other" and void, 1 ... 150 are the classes 0 ... 149. Names and colours
    are mmseg's.

    See :class:`SemanticImageDataset` for the arguments. Source: Zhou et al., Scene Parsing through ADE20K Dataset, CVPR
    2017.
    """

    METAINFO = dict(
        name='ade20k',
        classes=tuple(ade_classes()),
        num_things=0,
        raw_ids=tuple(range(1, NUM_CLASSES + 1)),
        ignore_raw_id=0,
        palette=[tuple(color) for color in ade_palette()],
    )
