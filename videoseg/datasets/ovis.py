"""OVIS."""

from videoseg.datasets.base_video_instance import BaseVideoInstanceDataset
from videoseg.registry import DATASETS


@DATASETS.register_module()
class OVISDataset(BaseVideoInstanceDataset):
    """OVIS: heavily occluded instances of 25 thing classes, category ids 1 ... 25; their names are those of the json.

    Layout: ``<split>/<video>/<frame>.jpg`` and ``annotations_<split>.json``, for example
    ``ann_file='annotations_train.json', data_prefix=dict(img='train')``. The degree of occlusion of every instance goes
    with the ground truth. Instances of the validation set are not public.

    See :class:`BaseVideoInstanceDataset` for the arguments. Source: Qi et al., Occluded Video Instance Segmentation,
    IJCV 2022.
    """

    METAINFO = dict(
        name='ovis',
        classes=tuple(f'category {i}' for i in range(1, 26)),
        num_things=25,
        raw_ids=tuple(range(1, 26)),
    )
