"""Class names of YouTube-VIS, from mmdet."""

from mmdet.datasets import YouTubeVISDataset


def youtube_vis_names(version: str) -> tuple[str, ...]:
    """The 40 class names, in the order of the category ids 1 ... 40.

    Args:
        version: ``'2019'`` or ``'2021'``.

    Raises:
        NotImplementedError: If mmdet does not know the version.
    """

    class _Names(YouTubeVISDataset):
        """mmdet sets the names on the class that it is asked through; this one is nobody else's."""

    _Names.set_dataset_classes(version)
    return tuple(_Names.METAINFO['classes'])
