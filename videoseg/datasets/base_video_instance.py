"""Videos with instances in a json of YouTube-VIS format."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from mmengine.logging import print_log

from videoseg.datasets.base_video_panoptic import BaseVideoPanopticDataset
from videoseg.datasets.class_map import map_categories, mapped_classes
from videoseg.datasets.label_map import LabelMap
from videoseg.datasets.track_annotations import TrackAnnotations, match_categories
from videoseg.registry import DATASETS


@DATASETS.register_module()
class BaseVideoInstanceDataset(BaseVideoPanopticDataset):
    """Videos with instances: images on disk, everything else in one json of YouTube-VIS format.

    Frames are those of the json, in its order. Every class is a thing. In training ``LoadInstanceTracks`` paints the
    instances of the chosen frames into a panoptic map, so that clips are sampled, augmented and packed as those of
    every other data set; in tests it hands over the exact masks. A json without annotations (hidden ground truth) can
    be tested on: there are predictions then, and no scores.

    mmdet's ``YouTubeVISDataset`` does not serve here: it reads another format (the json converted to one COCO image a
    frame), drops frames without instances and boxes below one pixel, so that videos lose frames and the evaluator
    tracks, converts crowds to flags of boxes, and knows no clips or windows. Only its class names are used.

    Metainfo (``METAINFO`` or argument): ``classes`` and ``raw_ids``, the category id of every label. Without
    ``raw_ids`` the ids are found by name; without ``classes`` all categories of the json are classes, ascending by id.

    Args:
        ann_file: The json, joined with ``data_root``.
        data_root: Joined with relative paths.
        data_prefix: ``img``, the folder that the json's file names are relative to.
        metainfo: Changes to the class's metainfo.
        class_map: Join categories: name in the json -> class, or one class that all categories become. Annotations of
            categories that are not named are left out. Classes are in the order of the map unless ``metainfo.classes``
            says otherwise; the raw id of a class is the lowest of its category ids. So data sets of different
            categories train together (:class:`ClipConcatDataset`). Default: none.
        indices, serialize_data, pipeline, test_mode, lazy_init, max_refetch: As in :class:`BaseVideoPanopticDataset`.

    Raises:
        FileNotFoundError: If the json or an image is missing.
        ValueError: If the json is malformed, does not fit the metainfo, or has no annotations in training.
    """

    NAMES_FROM_JSON: ClassVar[bool] = True
    """The names in ``METAINFO``, if any, only stand in for those of the json."""

    def __init__(
        self,
        ann_file: str,
        data_root: str = '',
        data_prefix: Mapping[str, str] | None = None,
        metainfo: Mapping | None = None,
        class_map: Mapping[str, str] | str | None = None,
        indices: int | Sequence[int] | None = None,
        serialize_data: bool = True,
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        lazy_init: bool = False,
        max_refetch: int = 50,
    ) -> None:
        if unknown := set(data_prefix or {}) - {'img'}:
            raise ValueError(
                f'{type(self).__name__}: data_prefix has unknown keys {sorted(unknown)}; it takes img, the ground '
                'truth is in ann_file'
            )
        own, changes = dict(self.METAINFO), dict(metainfo or {})
        self.class_map = class_map
        if class_map is not None:
            changes['classes'] = mapped_classes(class_map, changes, type(self).__name__)
        if 'classes' in changes:
            own = {key: value for key, value in own.items() if key not in ('raw_ids', 'num_things')}
        known = own | changes
        self._classes = None if self.NAMES_FROM_JSON and 'classes' not in changes else known.get('classes')
        self._category_ids = known.get('raw_ids')
        super().__init__(
            data_root=data_root,
            data_prefix=dict(data_prefix or {}, seg=''),  # there are no label files; the base asks for their folder
            metainfo=changes | _stand_in(known),
            indices=indices,
            serialize_data=serialize_data,
            pipeline=pipeline,
            test_mode=test_mode,
            lazy_init=True,
            max_refetch=max_refetch,
        )
        self.data_prefix.pop('seg')
        self.ann_file = ann_file if os.path.isabs(ann_file) else os.path.join(self.data_root, ann_file)
        if not lazy_init:
            self.full_init()

    def load_data_list(self) -> list[dict]:
        """Read the json.

        Returns:
            One entry a video: ``video_id`` (the json's id as a string), ``video_length``, ``img_paths``, ``img_size``,
            ``seg_map_paths`` (None), ``instances`` (for every frame a list of ``FrameInstance``; None without
            annotations).

        Raises:
            FileNotFoundError: If the json or an image is missing.
            ValueError: If the json is malformed, does not fit the metainfo, or has no annotations in training.
        """
        annotations = self.read_annotations()
        if self.class_map is None:
            names, ids = match_categories(annotations.categories, self._classes, self._category_ids, self.ann_file)
            labels = {number: label for label, number in enumerate(ids)}
        else:
            names = tuple(self._classes)
            ids, labels = map_categories(annotations.categories, self.class_map, names, self.ann_file)
        self._metainfo.update(classes=names, raw_ids=ids, num_things=len(names))
        self.label_map = LabelMap.from_metainfo(self._metainfo)
        videos = annotations.videos(self.data_prefix['img'], labels)
        self._check_images(videos)
        if not annotations.has_annotations:
            if not self.test_mode:
                raise ValueError(f'{self.ann_file}: no annotations in it; it can be tested on (test_mode=True) only')
            print_log(
                f'{type(self).__name__}: {self.ann_file} has no annotations: predictions only, no scores',
                logger='current',
                level=logging.WARNING,
            )
        return [dict(video, seg_map_paths=None, instances=video.get('instances')) for video in videos]

    def read_annotations(self) -> TrackAnnotations:
        """Read the json; subclasses know other formats.

        Raises:
            FileNotFoundError: If it is missing.
            ValueError: If it is malformed.
        """
        return TrackAnnotations(self.ann_file)

    def _check_images(self, videos: Sequence[Mapping[str, Any]]) -> None:
        """Every frame of the json must be on disk; folders are listed, each once, not files looked up."""
        listed: dict[str, set[str]] = {}
        for video in videos:
            for folder in {os.path.dirname(path) for path in video['img_paths']} - listed.keys():
                listed[folder] = set(os.listdir(folder)) if os.path.isdir(folder) else set()
            if missing := [x for x in video['img_paths'] if os.path.basename(x) not in listed[os.path.dirname(x)]]:
                more = f', and {len(missing) - 1} more of this video' if len(missing) > 1 else ''
                raise FileNotFoundError(
                    f'{self.ann_file}: video {video["video_id"]}: image missing: {missing[0]}{more}; check '
                    'data_prefix.img'
                )


def _stand_in(metainfo: Mapping[str, Any]) -> dict[str, Any]:
    """Classes that can stand until the json was read."""
    classes, raw_ids = tuple(metainfo.get('classes', ())), tuple(metainfo.get('raw_ids', ()))
    if metainfo.get('num_things', len(classes)) != len(classes):
        raise ValueError(
            f'metainfo has num_things={metainfo["num_things"]} of {len(classes)} classes; in instance data sets every '
            'class is a thing'
        )
    if classes and raw_ids and len(raw_ids) != len(classes):
        raise ValueError(f'metainfo has {len(classes)} classes but {len(raw_ids)} raw_ids')
    raw_ids = raw_ids or tuple(range(1, len(classes) + 1))
    return dict(classes=classes, num_things=len(classes), raw_ids=raw_ids if classes else ())
