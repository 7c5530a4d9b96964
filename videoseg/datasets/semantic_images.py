"""Images with semantic labels."""

from collections.abc import Mapping, Sequence
from typing import Any

from videoseg.datasets.base_video_panoptic import BaseVideoPanopticDataset
from videoseg.registry import DATASETS


@DATASETS.register_module()
class SemanticImageDataset(BaseVideoPanopticDataset):
    """Images with one 8-bit label PNG each (grey or with a palette): every image is a video of one frame.

    ``<img prefix>/<name>.jpg`` and ``<seg prefix>/<name>.png``. A pixel is the raw class id; ``metainfo`` names
    ``classes``, ``raw_ids`` (the pixel value of every class), ``num_things=0`` (all classes are stuff) and, if it is
    not 255, ``ignore_raw_id``, the value of unlabelled pixels. Other values are an error.

    ``ClipSample(num_refs=0)`` trains on them, ``SemanticIoUMetric`` scores them.

    Args:
        data_root, data_prefix: As in :class:`BaseVideoPanopticDataset`.
        layout: ``'images'``; ``'sequences'`` for videos, a folder each. Default ``'images'``.
        img_suffixes: File name endings of images.
        **kwargs: Other arguments of :class:`BaseVideoPanopticDataset`; ``seg_encoding`` is ``'labels'`` by default.

    Raises:
        FileNotFoundError: If a folder, an image or a label file is missing.
        ValueError: If metainfo or arguments do not fit together.
    """

    SEG_ENCODING = 'labels'

    def __init__(
        self,
        data_root: str = '',
        data_prefix: Mapping[str, str] | None = None,
        layout: str = 'images',
        img_suffixes: Sequence[str] = ('.jpg', '.jpeg', '.png'),
        **kwargs: Any,
    ) -> None:
        super().__init__(data_root, data_prefix, layout=layout, img_suffixes=img_suffixes, **kwargs)
