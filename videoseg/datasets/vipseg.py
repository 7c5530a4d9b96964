"""VIPSeg."""

from collections.abc import Mapping
from pathlib import Path

from videoseg.datasets.base_listed_videos import read_video_names
from videoseg.datasets.base_panoptic_json import BasePanopticJsonDataset
from videoseg.datasets.frame_folders import Frames, check_pairs, list_frames
from videoseg.evaluation.formats.files import read_json, safe_join
from videoseg.evaluation.formats.panoptic_json import PanopticVideos
from videoseg.evaluation.formats.vipseg import read_vipseg
from videoseg.registry import DATASETS

NUM_CLASSES = 124
VIPSEG_THINGS = (
    *(2, 4, 8, 10, 41, 43, 44, *range(46, 53), 54, 55, 56, *range(60, 66), 72, 74, *range(76, 80), *range(82, 93)),
    *(95, 96, 97, *range(99, 103), *range(106, 110), *range(114, 119), 122, 123),
)
"""Class ids of the 58 things (``specs/evaluators.md`` section 11)."""

CATEGORIES_FILE = 'panoVIPSeg_categories.json'
_RAW_IDS = (*VIPSEG_THINGS, *(i for i in range(NUM_CLASSES) if i not in VIPSEG_THINGS))


@DATASETS.register_module()
class VIPSegDataset(BasePanopticJsonDataset):
    """VIPSeg: 124 classes, 58 of them things.

    Converted layout (720P, ``tools/dataset_converters/prepare_vipseg.py``): ``imgs/<video>/<frame>.jpg``,
    ``panomasksRGB/<video>/<frame>.png`` and ``panoptic_gt_VIPSeg_{train,val,test}.json``, for example
    ``data_root='data/VIPSeg/VIPSeg_720P', ann_file='panoptic_gt_VIPSeg_val.json', data_prefix=dict(img='imgs',
    seg='panomasksRGB')``. Other resolutions are other folders.

    As published (``seg_encoding='vipseg_raw'``): ``panomasks/<video>/<frame>.png`` of 16 bits and
    ``{train,val,test}.txt`` with a video a line, for example ``ann_file='val.txt', data_prefix=dict(img='imgs',
    seg='panomasks')``. Pixels as in ``videoseg.datasets.map_decoders.decode_vipseg_raw``.

    Class names are read from the ``categories`` of the json, in the published layout from
    ``panoVIPSeg_categories.json`` in ``data_root`` if it is there; until then they are ``class_000`` ... . Ids and
    things are fixed: a json that says otherwise is an error. Labels are things by ascending id, then stuff.

    See :class:`BasePanopticJsonDataset` for the arguments. Source: Miao et al., Large-scale Video Panoptic Segmentation
    in the Wild, CVPR 2022; ``specs/evaluators.md`` sections 10 and 11.
    """

    NAMES_FROM_JSON = True
    METAINFO = dict(
        name='vipseg',
        classes=tuple(f'class_{i:03d}' for i in _RAW_IDS),
        num_things=len(VIPSEG_THINGS),
        raw_ids=_RAW_IDS,
    )

    def read_annotations(self, labels: Mapping[int, int]) -> PanopticVideos:
        """See :class:`BasePanopticJsonDataset`."""
        return read_vipseg(self.ann_file, self.data_prefix['seg'], labels)

    def load_data_list(self) -> list[dict]:
        """See :class:`BasePanopticJsonDataset`; the published layout is read here.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If the json or list is wrong, or is not what ``seg_encoding`` needs.
        """
        if self.ann_file is None:
            return super().load_data_list()
        is_raw = self.seg_encoding == 'vipseg_raw'
        if is_raw != (Path(self.ann_file).suffix == '.txt'):
            raise ValueError(
                f'{type(self).__name__}: seg_encoding={self.seg_encoding!r} needs '
                f'{"a .txt list of videos" if is_raw else "a .json (or seg_encoding vipseg_raw)"}, got {self.ann_file}'
            )
        return self._listed_videos() if is_raw else super().load_data_list()

    def _listed_videos(self) -> list[dict]:
        """Entries of the videos in the text file."""
        categories = Path(self.data_root or '', CATEGORIES_FILE)
        if categories.is_file():
            self.adopt_categories(dict(categories=read_json(categories)), str(categories))
        names = read_video_names(self.ann_file)
        img_root, seg_root = self.data_prefix['img'], self.data_prefix['seg']
        images = {name: self._frames(img_root, name, self.img_suffixes) for name in names}
        labels = {name: self._frames(seg_root, name, (self.seg_suffix,)) for name in names}
        check_pairs(images, labels, img_root, seg_root)
        return [
            dict(
                video_id=name,
                video_length=len(frames),
                img_paths=list(frames.values()),
                seg_map_paths=[labels[name][frame] for frame in frames],
                image_ids=list(frames),
            )
            for name, frames in images.items()
        ]

    def _frames(self, root: str, name: str, suffixes: tuple[str, ...]) -> Frames:
        """Frame name -> file of one video."""
        folder = safe_join(root, name, self.ann_file)
        if not folder.is_dir():
            raise FileNotFoundError(f'{self.ann_file}: video {name!r}: folder missing: {folder}')
        return list_frames(folder, suffixes)
