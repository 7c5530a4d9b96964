"""YouTube-VIS 2021."""

from videoseg.datasets.base_video_instance import BaseVideoInstanceDataset
from videoseg.datasets.youtube_vis_names import youtube_vis_names
from videoseg.registry import DATASETS


@DATASETS.register_module()
class YouTubeVIS2021Dataset(BaseVideoInstanceDataset):
    """YouTube-VIS 2021: 40 thing classes, category ids 1 ... 40; not those of 2019, and in another order.

    Layout: ``<split>/JPEGImages/<video>/<frame>.jpg`` and a json a split, for example ``ann_file='train.json',
    data_prefix=dict(img='train/JPEGImages')``. Instances of the validation set are not public; see
    ``tools/dataset_converters/prepare_youtube_vis.py`` for a validation split of the training json.

    See :class:`BaseVideoInstanceDataset` for the arguments. Source: Yang et al., Video Instance Segmentation, ICCV
    2019.
    """

    NAMES_FROM_JSON = False
    METAINFO = dict(
        name='youtube_vis_2021', classes=youtube_vis_names('2021'), num_things=40, raw_ids=tuple(range(1, 41))
    )
