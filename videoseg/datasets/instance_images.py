"""Images with instances in COCO's detection format."""

from collections.abc import Mapping
from typing import Any

from videoseg.datasets.base_video_instance import BaseVideoInstanceDataset
from videoseg.datasets.track_annotations import TrackAnnotations
from videoseg.evaluation.formats.files import read_json
from videoseg.registry import DATASETS


@DATASETS.register_module()
class InstanceImageDataset(BaseVideoInstanceDataset):
    """Images with instances in COCO's detection format, for pre-training: each is a video of one frame.

    Instances are kept as masks (polygons, compressed and uncompressed RLEs) and overlap as they do in the json; tests
    score these. In training ``LoadInstanceTracks`` paints them into one map, crowds first and then the larger before
    the smaller, so that a small object is seen in front of a large one. ``ClipSample(num_refs=0)`` gives single images;
    with ``ClipSample(consecutive=T)`` and ``PseudoClip`` they become clips of T frames.

    Args:
        filter_empty: Leave out images without an instance (crowds are none) in training; in tests all are predicted.
            Default True.
        **kwargs: Arguments of :class:`BaseVideoInstanceDataset`. The classes are those of the json unless ``metainfo``
            or ``class_map`` says otherwise.

    Raises:
        FileNotFoundError: If the json or an image is missing.
        ValueError: If the json is malformed, does not fit the metainfo, or has no instance in training.

    Source: Lin et al., Microsoft COCO, ECCV 2014.
    """

    def __init__(self, *args: Any, filter_empty: bool = True, **kwargs: Any) -> None:
        self.filter_empty = filter_empty
        super().__init__(*args, **kwargs)

    def read_annotations(self) -> TrackAnnotations:
        """See :class:`BaseVideoInstanceDataset`."""
        return TrackAnnotations(self.ann_file, _as_videos(read_json(self.ann_file), self.ann_file))

    def load_data_list(self) -> list[dict]:
        """As in :class:`BaseVideoInstanceDataset`, with ``image_ids``: the id of the image in the json.

        Raises:
            FileNotFoundError, ValueError: Likewise.
        """
        videos = [dict(video, image_ids=[int(video['video_id'])]) for video in super().load_data_list()]
        if self.test_mode or not self.filter_empty:
            return videos
        videos = [video for video in videos if any(not x.is_crowd for x in video['instances'][0])]
        if not videos:
            raise ValueError(f'{self.ann_file}: no image has an instance of the classes {self._metainfo["classes"]}')
        return videos


def _as_videos(content: Any, path: str) -> dict[str, Any]:
    """A json of images in the form of YouTube-VIS; what is malformed stays so and is found there."""
    images = content.get('images') if isinstance(content, Mapping) else None
    if not isinstance(images, list) or not images:
        raise ValueError(f"{path}: no images in it; expected a json in COCO's detection format (images, annotations)")
    return dict(
        videos=[dict(x, file_names=[x.get('file_name')], length=1) if isinstance(x, Mapping) else x for x in images],
        categories=content.get('categories'),
        annotations=_as_tracks(content.get('annotations') or []),
    )


def _as_tracks(annotations: Any) -> Any:
    if not isinstance(annotations, list):
        return annotations
    return [
        dict(
            id=x.get('id'),
            video_id=x.get('image_id'),
            category_id=x.get('category_id'),
            iscrowd=x.get('iscrowd', 0),
            segmentations=[x['segmentation']] if 'segmentation' in x else None,
            areas=[x.get('area')] if 'area' in x else None,
        )
        if isinstance(x, Mapping)
        else x
        for x in annotations
    ]
