"""DAVIS-2017."""

from videoseg.datasets.base_listed_videos import BaseListedVideosDataset
from videoseg.registry import DATASETS


@DATASETS.register_module()
class DAVISDataset(BaseListedVideosDataset):
    """DAVIS-2017 (and 2016): objects without classes, all of the one thing class ``object``.

    Layout: ``JPEGImages/480p/<video>/<frame>.jpg``, ``Annotations/480p/<video>/<frame>.png`` (palette PNGs of object
    ids) and ``ImageSets/2017/{train,val}.txt``. For example ``data_root='data/DAVIS',
    ann_file='ImageSets/2017/train.txt', data_prefix=dict(img='JPEGImages/480p', seg='Annotations/480p')``. An object's
    instance number is its id, so that the ground truth is good for J&F; background and 255 are void.

    See :class:`BaseListedVideosDataset` for the arguments. Source: Pont-Tuset et al., The 2017 DAVIS Challenge on Video
    Object Segmentation, 2017.
    """

    SEG_ENCODING = 'davis'
    METAINFO = dict(
        name='davis',
        classes=('object',),
        num_things=1,
        raw_ids=(1,),
        palette=[(220, 20, 60)],
        gt_kinds=('instance',),  # what is not an object has no class: nothing panoptic or semantic can be scored
    )
