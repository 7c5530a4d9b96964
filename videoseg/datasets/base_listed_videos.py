"""Videos named in a text file, a folder each."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from mmengine.logging import print_log

from videoseg.datasets.base_video_panoptic import BaseVideoPanopticDataset
from videoseg.datasets.frame_folders import Frames, check_pairs, list_sequences
from videoseg.evaluation.formats.files import safe_join
from videoseg.registry import DATASETS


@DATASETS.register_module()
class BaseListedVideosDataset(BaseVideoPanopticDataset):
    """Videos whose names are the lines of a text file (VSPW, DAVIS).

    ``<img prefix>/<video>/<img_subfolder>/<frame>.jpg`` and ``<seg prefix>/<video>/<seg_subfolder>/<frame>.png``. In
    tests ``data_prefix.seg`` may be left out, or the label folders of all videos may be missing (hidden ground truth):
    there are predictions then, and no scores. One missing label folder among others, or one missing file, is an error.

    Args:
        ann_file: The text file, joined with ``data_root``; the last line may lack its end.
        data_root: Joined with relative paths.
        data_prefix: ``img`` and ``seg``, the folders of the videos' folders.
        img_suffixes: File name endings of frames.
        metainfo, indices, serialize_data, pipeline, test_mode, lazy_init, max_refetch: As in
            :class:`BaseVideoPanopticDataset`.

    Raises:
        FileNotFoundError: If the text file, a folder, an image or a label file is missing.
        ValueError: If the text file names no video, one twice, or a path outside of the folder.
    """

    IMG_SUBFOLDER: ClassVar[str] = ''
    SEG_SUBFOLDER: ClassVar[str] = ''

    def __init__(
        self,
        ann_file: str,
        data_root: str = '',
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
        super().__init__(
            data_root=data_root,
            data_prefix=data_prefix,
            img_suffixes=img_suffixes,
            metainfo=metainfo,
            indices=indices,
            serialize_data=serialize_data,
            pipeline=pipeline,
            test_mode=test_mode,
            lazy_init=True,
            max_refetch=max_refetch,
        )
        self.ann_file = str(Path(self.data_root or '', ann_file))
        if not lazy_init:
            self.full_init()

    def load_data_list(self) -> list[dict]:
        """One entry a video, as in :class:`BaseVideoPanopticDataset`, in the order of the text file.

        Raises:
            FileNotFoundError: If the text file, a folder, an image or a label file is missing.
            ValueError: If the text file names no video, one twice, or a path outside of the folder.
        """
        names = read_video_names(self.ann_file)
        img_root, seg_root = self.data_prefix['img'], self.data_prefix.get('seg')
        images = {name: self._frames(img_root, name, self.IMG_SUBFOLDER, self.img_suffixes) for name in names}
        if seg_root is not None and self.test_mode and not any(self._folder(seg_root, n).is_dir() for n in names):
            print_log(
                f'{type(self).__name__}: {seg_root} has no labels of the videos in {self.ann_file}: predictions only, '
                'no scores',
                logger='current',
                level=logging.WARNING,
            )
            seg_root = None
        labels: dict[str, Frames] = {}
        if seg_root is not None:
            labels = {name: self._frames(seg_root, name, self.SEG_SUBFOLDER, (self.seg_suffix,)) for name in names}
            check_pairs(images, labels, img_root, seg_root)
        return [
            dict(
                video_id=name,
                video_length=len(frames),
                img_paths=list(frames.values()),
                seg_map_paths=[labels[name][frame] for frame in frames] if seg_root is not None else None,
            )
            for name, frames in images.items()
        ]

    def _folder(self, root: str, name: str) -> Path:
        return safe_join(root, name, self.ann_file) / self.SEG_SUBFOLDER

    def _frames(self, root: str, name: str, subfolder: str, suffixes: Sequence[str]) -> Frames:
        """Frame name -> file of one video."""
        folder = str(safe_join(root, name, self.ann_file) / subfolder)
        return {frame: paths[frame] for frame, paths in list_sequences(folder, 'images', suffixes).items()}


def read_video_names(path: str) -> list[str]:
    """The lines of a text file that are not blank.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it names no video, or one twice.
    """
    try:
        names = [line.strip() for line in Path(path).read_text(encoding='utf-8').splitlines() if line.strip()]
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{path}: list of videos missing') from error
    if not names:
        raise ValueError(f'{path}: names no video')
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f'{path}: video {twice[0]!r} is there twice')
    return names
