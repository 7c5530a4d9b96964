"""Videos with panoptic PNGs and a json of their segments."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mmengine.logging import print_log

from videoseg.datasets.base_video_panoptic import BaseVideoPanopticDataset
from videoseg.datasets.image_index import ImageIndex
from videoseg.datasets.label_map import LabelMap
from videoseg.datasets.panoptic_categories import initial_metainfo, match_panoptic_categories
from videoseg.datasets.segment_numbers import number_segments
from videoseg.evaluation.formats.files import read_json
from videoseg.evaluation.formats.panoptic_json import PanopticFrame, PanopticVideos


class BasePanopticJsonDataset(BaseVideoPanopticDataset, ABC):
    """Videos with PNGs of segment ids (R + 256 G + 65536 B) and a json that tells the class of every segment.

    Segments of things are instances: their number is constant over the video, counted from 1 in the order in which
    their ids appear in the json. Crowds have instance 0. Subclasses know the layout.

    Metainfo: ``classes``, ``num_things``, ``raw_ids`` (category id of every label). What neither the class nor the
    argument fixes comes from the ``categories`` of the json: things first, in its order. What is fixed is checked
    against it.

    Args:
        ann_file: The json, joined with ``data_root``. Default: none, for tests without ground truth; the images in
            ``data_prefix.img`` are predicted then, not scored.
        data_root: Joined with relative paths.
        data_prefix: ``img`` and ``seg``, the folders of images and PNGs; ``seg`` only together with ``ann_file``.
        img_suffixes: File name endings of frames.
        seg_encoding: As in :class:`BaseVideoPanopticDataset`; ``'coco_rgb'`` by default.
        layout: How images lie without ``ann_file``, as in :class:`BaseVideoPanopticDataset`. Default: the class's.
        metainfo: Changes to the class's metainfo. New ``classes`` without ``raw_ids`` are found in the json by name.
        indices, serialize_data, pipeline, test_mode, lazy_init, max_refetch: As in :class:`BaseVideoPanopticDataset`.

    Raises:
        FileNotFoundError: If the json, a PNG or an image is missing, naming video and frame.
        ValueError: If the json is wrong or does not fit the metainfo, a file name in it leads out of the folder, or
            arguments do not fit together.
    """

    SEG_ENCODING = 'coco_rgb'
    LAYOUT: ClassVar[str] = 'sequences'
    NAMES_FROM_JSON: ClassVar[bool] = False
    """The class names in ``METAINFO`` only stand in for those of the json."""

    def __init__(
        self,
        ann_file: str | None = None,
        data_root: str = '',
        data_prefix: Mapping[str, str] | None = None,
        img_suffixes: Sequence[str] = ('.png', '.jpg', '.jpeg'),
        seg_encoding: str | None = None,
        layout: str | None = None,
        metainfo: Mapping | None = None,
        indices: int | Sequence[int] | None = None,
        serialize_data: bool = True,
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        lazy_init: bool = False,
        max_refetch: int = 50,
    ) -> None:
        if (ann_file is None) != ('seg' not in (data_prefix or {})):
            raise ValueError(
                f'{type(self).__name__}: ann_file={ann_file!r} and data_prefix={dict(data_prefix or {})}: give both '
                'ann_file and seg, or none of them for a test without ground truth'
            )
        self._given = dict(metainfo or {})
        super().__init__(
            data_root=data_root,
            data_prefix=data_prefix,
            layout=layout or self.LAYOUT,
            img_suffixes=img_suffixes,
            seg_encoding=seg_encoding,
            metainfo=initial_metainfo(self.METAINFO, self._given, needs_classes=ann_file is None),
            indices=indices,
            serialize_data=serialize_data,
            pipeline=pipeline,
            test_mode=test_mode,
            lazy_init=True,
            max_refetch=max_refetch,
        )
        self.ann_file = None if ann_file is None else str(Path(self.data_root or '', ann_file))
        if not lazy_init:
            self.full_init()

    # ------------------------------------------------------------- the layout

    @abstractmethod
    def read_annotations(self, labels: Mapping[int, int]) -> PanopticVideos:
        """Read the json.

        Args:
            labels: Category id -> model label.

        Returns:
            Video id -> annotated frames.
        """

    def find_frames(
        self, video_id: str, annotated: Sequence[PanopticFrame], images: ImageIndex
    ) -> list[tuple[str, PanopticFrame | None]]:
        """Image and annotation (None: not labelled) of every frame of a video, in time order.

        Here: annotated frames only, ``<img prefix>/`` and :meth:`image_name`.

        Raises:
            FileNotFoundError: If an image is missing.
        """
        names = {frame.name: self.image_name(video_id, frame) for frame in annotated}
        where = f'{self.ann_file}: video {video_id!r}'
        return [(images.find(names[x.name], f'{where}, frame {x.name!r}'), x) for x in annotated]

    def image_name(self, video_id: str, frame: PanopticFrame) -> str:
        """Path of the image of an annotated frame in the image folder, without file name ending."""
        return f'{video_id}/{frame.path.stem}'

    def image_id(self, frame: PanopticFrame) -> str | int:
        """Id of a frame as the json has it."""
        return frame.name

    def unlabelled_videos(self) -> list[dict]:
        """Entries of :meth:`load_data_list` where there is no json."""
        return super().load_data_list()

    # ------------------------------------------------------------- reading

    def load_data_list(self) -> list[dict]:
        """One entry a video, as in :class:`BaseVideoPanopticDataset`, in the order of the json.

        Raises:
            FileNotFoundError: If the json, a PNG or an image is missing, naming video and frame.
            ValueError: If the json is wrong or does not fit the metainfo.
        """
        if self.ann_file is None:
            return self.unlabelled_videos()
        self.adopt_categories(read_json(self.ann_file), self.ann_file)
        videos = self.read_annotations({raw: label for label, raw in enumerate(self.label_map.raw_ids)})
        if not videos:
            raise ValueError(f'{self.ann_file}: no annotated frames in it')
        images = ImageIndex(self.data_prefix['img'], self.img_suffixes)
        entries = [self._entry(video_id, annotated, images) for video_id, annotated in videos.items()]
        self._report_unused(images, entries)
        return entries

    def adopt_categories(self, content: Any, source: str) -> None:
        """Take from the ``categories`` of a json what the metainfo does not fix, and check what it does.

        Raises:
            ValueError: If they are malformed or do not fit.
        """
        categories = content.get('categories') if isinstance(content, Mapping) else None
        self._metainfo.update(
            match_panoptic_categories(categories, self.METAINFO, self._given, self.NAMES_FROM_JSON, source)
        )
        self.label_map = LabelMap.from_metainfo(self._metainfo)

    def _entry(self, video_id: str, annotated: Sequence[PanopticFrame], images: ImageIndex) -> dict[str, Any]:
        frames = self.find_frames(video_id, annotated, images)
        truth = [frame for _, frame in frames]
        entry = dict(
            video_id=video_id,
            video_length=len(frames),
            img_paths=[path for path, _ in frames],
            seg_map_paths=[frame and str(frame.path) for frame in truth],
            segments=number_segments(truth, self.label_map.num_things, f'{self.ann_file}: video {video_id!r}'),
        )
        if all(truth):
            return dict(entry, image_ids=[self.image_id(frame) for frame in truth])
        ids = [self.image_id(frame) if frame else Path(path).stem for path, frame in frames]
        return dict(entry, image_ids=ids, labelled=[frame is not None for frame in truth])

    def _report_unused(self, images: ImageIndex, entries: Sequence[Mapping[str, Any]]) -> None:
        if unused := images.unused({path for entry in entries for path in entry['img_paths']}):
            print_log(
                f'{type(self).__name__}: {len(unused)} images in the folders of annotated videos are not in '
                f'{self.ann_file} and are left out, the first is {unused[0]}',
                logger='current',
                level=logging.WARNING,
            )
