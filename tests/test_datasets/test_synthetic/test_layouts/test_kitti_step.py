"""KITTI-STEP; the files themselves are tested with the writer, whose default it is."""

import numpy as np
import pytest

from videoseg.datasets.synthetic import synthetic_metainfo
from videoseg.datasets.synthetic.layouts.kitti_step import encode_step_map


def test_encoding_of_big_ids():
    encoded = encode_step_map(np.array([[3, 255]], np.uint8), np.array([[65535, 0]]))
    assert encoded.tolist() == [[[3, 255, 255], [255, 0, 0]]]
    assert encode_step_map(np.array([[4]], np.uint8), np.array([[258]])).tolist() == [[[4, 1, 2]]]
    with pytest.raises(ValueError, match='65536'):
        encode_step_map(np.zeros((1, 1), np.uint8), np.array([[65536]]))


def test_metainfo_is_that_of_the_dataset_class():
    from videoseg.datasets.synthetic_step import SyntheticSTEPDataset

    assert synthetic_metainfo('kitti_step') == dict(SyntheticSTEPDataset.METAINFO, name='synthetic_kitti_step')
