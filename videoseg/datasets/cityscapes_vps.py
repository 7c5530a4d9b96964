"""Cityscapes-VPS."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from videoseg.datasets.base_panoptic_json import BasePanopticJsonDataset
from videoseg.datasets.cityscapes_classes import cityscapes_metainfo
from videoseg.datasets.image_index import ImageIndex
from videoseg.evaluation.formats.cityscapes_vps import read_cityscapes_vps_gt
from videoseg.evaluation.formats.panoptic_json import PanopticFrame, PanopticVideos
from videoseg.registry import DATASETS

_ENDING = re.compile(r'_(newImg8bit|leftImg8bit|final_mask|gtFine_color)$')
_VIDEO_NUMBER = re.compile(r'(\d+)_\d+_')


@DATASETS.register_module()
class CityscapesVPSDataset(BasePanopticJsonDataset):
    """Cityscapes-VPS: 19 classes, 8 of them things (11 ... 18); every fifth frame of a video is labelled.

    Layout: ``<split>/img_all/<video>_<frame>_<city>_..._newImg8bit.png`` (all frames), ``<split>/panoptic_video/*.png``
    and ``panoptic_gt_<split>_city_vps.json`` (6 labelled frames a video). For example
    ``data_root='data/cityscapes_vps', ann_file='panoptic_gt_val_city_vps.json', data_prefix=dict(img='val/img_all',
    seg='val/panoptic_video')``. A folder of the labelled images alone does as well. All frames are predicted in tests
    and the labelled ones scored; training uses labelled frames only.

    See :class:`BasePanopticJsonDataset` for the arguments. Source: Kim et al., Video Panoptic Segmentation, CVPR 2020;
    ``specs/evaluators.md`` section 10.
    """

    METAINFO = cityscapes_metainfo('cityscapes_vps')
    LAYOUT = 'images'

    def read_annotations(self, labels: Mapping[int, int]) -> PanopticVideos:
        """See :class:`BasePanopticJsonDataset`."""
        return read_cityscapes_vps_gt(self.ann_file, self.data_prefix['seg'], labels)

    def find_frames(
        self, video_id: str, annotated: Sequence[PanopticFrame], images: ImageIndex
    ) -> list[tuple[str, PanopticFrame | None]]:
        """All images with the number of the video, in natural order; see :class:`BasePanopticJsonDataset`.

        Raises:
            FileNotFoundError: If the image of an annotated frame is missing.
        """
        by_key = {self.frame_key(frame.path): frame for frame in annotated}
        video = images.groups(_VIDEO_NUMBER).get(video_id)
        found = {self.frame_key(path): path for path in video or images.folder().values()}
        for key, frame in by_key.items():
            if key not in found:
                raise FileNotFoundError(
                    f'{self.ann_file}: video {video_id!r}, frame {frame.name!r}: image missing: '
                    f'{images.root / key}_newImg8bit or _leftImg8bit; check data_prefix.img'
                )
        if video is None:  # the names do not tell the video: only what the json tells
            return [(found[key], frame) for key, frame in by_key.items()]
        return [(path, by_key.get(key)) for key, path in found.items()]

    def unlabelled_videos(self) -> list[dict]:
        """See :class:`BasePanopticJsonDataset`."""
        videos = ImageIndex(self.data_prefix['img'], self.img_suffixes).groups(_VIDEO_NUMBER)
        if not videos:
            raise FileNotFoundError(f'{self.data_prefix["img"]}: no images <video>_<frame>_... in it')
        return [
            dict(
                video_id=video_id,
                video_length=len(paths),
                img_paths=paths,
                seg_map_paths=None,
                image_ids=[self.frame_key(path) for path in paths],
            )
            for video_id, paths in videos.items()
        ]

    @staticmethod
    def frame_key(path: str | Path) -> str:
        """What the file names of an image and of its map have in common."""
        return _ENDING.sub('', Path(path).stem)
