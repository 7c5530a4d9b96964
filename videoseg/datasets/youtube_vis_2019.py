"""YouTube-VIS 2019."""

from videoseg.datasets.base_video_instance import BaseVideoInstanceDataset
from videoseg.datasets.youtube_vis_names import youtube_vis_names
from videoseg.registry import DATASETS


@DATASETS.register_module()
class YouTubeVIS2019Dataset(BaseVideoInstanceDataset):
    """YouTube-VIS 2019: 40 thing classes, category ids 1 ... 40.

    Layout: ``<split>/JPEGImages/<video>/<frame>.jpg`` and a json a split, for example ``ann_file='train.json',
    data_prefix=dict(img='train/JPEGImages')``. Instances of the validation set are not public; see
    ``tools/dataset_converters/prepare_youtube_vis.py`` for a validation split of the training json.

    See :class:`BaseVideoInstanceDataset` for the arguments. Source: Yang et al., Video Instance Segmentation, ICCV
    2019.
    """

    NAMES_FROM_JSON = False
    METAINFO = dict(
        name='youtube_vis_2019', classes=youtube_vis_names('2019'), num_things=40, raw_ids=tuple(range(1, 41))
    )
