"""Videos of one's own."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from videoseg.datasets.base_panoptic_json import BasePanopticJsonDataset
from videoseg.datasets.image_index import ImageIndex
from videoseg.datasets.video_folder_annotations import read_video_folder
from videoseg.evaluation.formats.files import read_json
from videoseg.evaluation.formats.panoptic_json import PanopticFrame, PanopticVideos
from videoseg.registry import DATASETS


@DATASETS.register_module()
class VideoFolderDataset(BasePanopticJsonDataset):
    """Videos of one's own: ``frames/<video>/*.jpg|png``, ``panoptic/<video>/*.png`` and ``annotations.json``.

    The json, documented in ``docs/datasets.md`` ("Your own videos"), names classes, videos, frames and segments. All
    images in the folder of a video are its frames; those that the json says nothing of are not labelled: they are
    predicted in tests and left out in training. ``tools/dataset_converters/validate_video_folder.py`` checks a folder.

    Args:
        data_root: Folder of the data set.
        ann_file: The json, joined with ``data_root``. Default ``'annotations.json'``. None: no labels, for tests;
            ``metainfo`` names the classes then.
        data_prefix: ``img`` and ``seg``. Default ``frames`` and ``panoptic`` (the latter only with a json).
        img_suffixes, metainfo, indices, serialize_data, pipeline, test_mode, lazy_init, max_refetch: As in
            :class:`BasePanopticJsonDataset`.

    Raises:
        FileNotFoundError, ValueError: As in :class:`BasePanopticJsonDataset`.
    """

    METAINFO = dict(name='video_folder')

    def __init__(
        self,
        data_root: str = '',
        ann_file: str | None = 'annotations.json',
        data_prefix: Mapping[str, str] | None = None,
        img_suffixes: Sequence[str] = ('.jpg', '.jpeg', '.png'),
        metainfo: Mapping | None = None,
        indices: int | Sequence[int] | None = None,
        serialize_data: bool = True,
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        lazy_init: bool = False,
        max_refetch: int = 50,
    ) -> None:
        prefix = dict(img='frames') if ann_file is None else dict(img='frames', seg='panoptic')
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            data_prefix=prefix | dict(data_prefix or {}),
            img_suffixes=img_suffixes,
            metainfo=metainfo,
            indices=indices,
            serialize_data=serialize_data,
            pipeline=pipeline,
            test_mode=test_mode,
            lazy_init=lazy_init,
            max_refetch=max_refetch,
        )

    def read_annotations(self, labels: Mapping[int, int]) -> PanopticVideos:
        """See :class:`BasePanopticJsonDataset`; also videos that the json does not name, without frames.

        Raises:
            FileNotFoundError: If a PNG is missing.
            ValueError: If the json is wrong.
        """
        videos = read_video_folder(read_json(self.ann_file), self.data_prefix['seg'], labels, self.ann_file)
        for name, frames in videos.items():
            for frame in frames:
                if not frame.path.is_file():
                    raise FileNotFoundError(
                        f'{self.ann_file}: video {name!r}, frame {frame.name!r}: PNG missing: {frame.path}'
                    )
        folders = ImageIndex(self.data_prefix['img'], self.img_suffixes).subfolders()
        return videos | {name: [] for name in folders if name not in videos}

    def find_frames(
        self, video_id: str, annotated: Sequence[PanopticFrame], images: ImageIndex
    ) -> list[tuple[str, PanopticFrame | None]]:
        """All images in the folder of the video, in natural order; see :class:`BasePanopticJsonDataset`.

        Raises:
            FileNotFoundError: If the image of an annotated frame is missing, or there is none at all.
        """
        where = f'{self.ann_file}: video {video_id!r}'
        by_image = {images.find(f'{video_id}/{x.name}', f'{where}, frame {x.name!r}'): x for x in annotated}
        paths = list(images.folder(video_id).values())
        if not paths:
            raise FileNotFoundError(f'{where}: no images in {Path(images.root, video_id)}')
        return [(path, by_image.get(path)) for path in paths]
