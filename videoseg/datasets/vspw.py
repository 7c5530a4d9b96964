"""VSPW."""

from pathlib import Path

from videoseg.datasets.base_listed_videos import BaseListedVideosDataset
from videoseg.datasets.label_map import LabelMap
from videoseg.evaluation.formats.files import read_json
from videoseg.registry import DATASETS

NUM_CLASSES = 124
LABEL_FILE = 'label_num_dic_final.json'


@DATASETS.register_module()
class VSPWDataset(BaseListedVideosDataset):
    """VSPW: semantic segmentation of videos, 124 classes, all of them stuff.

    Layout: ``data/<video>/{origin/<frame>.jpg,mask/<frame>.png}``, ``{train,val,test}.txt``; the usual one is the 480p
    version. For example ``data_root='data/VSPW_480p', ann_file='train.txt', data_prefix=dict(img='data', seg='data')``.
    Class ids are 0 ... 123, pixels of the masks class id + 1; 0 (others) and 255 are void. In tests the values of the
    file go with the labels (``raw_seg``): video consistency compares them.

    Names come from ``label_num_dic_final.json`` (name -> pixel value) in ``data_root`` if it is there, otherwise they
    are ``class_000`` ...; classes named in the argument ``metainfo`` are left as they are.

    See :class:`BaseListedVideosDataset` for the arguments. Source: Miao et al., VSPW, CVPR 2021.
    """

    IMG_SUBFOLDER = 'origin'
    SEG_SUBFOLDER = 'mask'
    SEG_ENCODING = 'vspw'
    METAINFO = dict(
        name='vspw',
        classes=tuple(f'class_{i:03d}' for i in range(NUM_CLASSES)),
        num_things=0,
        raw_ids=tuple(range(NUM_CLASSES)),
    )

    def load_data_list(self) -> list[dict]:
        """See :class:`BaseListedVideosDataset`; reads the class names first.

        Raises:
            FileNotFoundError, ValueError: Likewise, or if the file of class names does not name every class.
        """
        path = Path(self.data_root or '', LABEL_FILE)
        if path.is_file() and tuple(self._metainfo['classes']) == self.METAINFO['classes']:
            self._metainfo['classes'] = read_class_names(path, self._metainfo['raw_ids'])
            self.label_map = LabelMap.from_metainfo(self._metainfo)
        return super().load_data_list()


def read_class_names(path: Path, class_ids: tuple[int, ...]) -> tuple[str, ...]:
    """Names of classes from VSPW's ``label_num_dic_final.json``: name -> pixel value, which is class id + 1.

    Raises:
        ValueError: If it is no such file or lacks a class.
    """
    content = read_json(path)
    if not isinstance(content, dict) or any(not isinstance(value, int) for value in content.values()):
        raise ValueError(f'{path}: expected a json of class name -> pixel value')
    names = {value: name for name, value in content.items()}
    if missing := [i + 1 for i in class_ids if i + 1 not in names]:
        raise ValueError(f'{path}: no name for pixel value {missing[0]}; correct it, or name the classes in metainfo')
    return tuple(names[i + 1] for i in class_ids)
