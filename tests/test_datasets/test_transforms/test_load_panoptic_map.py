import numpy as np
import pytest
from PIL import Image

from tests.test_datasets.step_files import CAR, METAINFO, PERSON, ROAD, SKY, VOID, step_rgb
from videoseg.datasets import LabelMap
from videoseg.datasets.transforms import LoadPanopticMap
from videoseg.structures.ids import VOID_ID, encode_ids

LABEL_MAP = LabelMap.from_metainfo(METAINFO)


def load(path, size=(2, 3)):
    results = dict(img_path='image.png', seg_map_path=str(path), label_map=LABEL_MAP, ori_shape=size)
    return LoadPanopticMap()(results)['gt_seg_map']


def test_the_encoding_is_the_data_sets(tmp_path):
    Image.fromarray(np.array([[11, 13, 255]], np.uint8)).save(tmp_path / 'a.png')
    results = dict(
        img_path='image.png',
        seg_map_path=str(tmp_path / 'a.png'),
        label_map=LABEL_MAP,
        seg_encoding='labels',
        ori_shape=(1, 3),
    )
    loaded = LoadPanopticMap()(dict(results))
    assert loaded['gt_seg_map'].tolist() == [[0, encode_ids(1, 0), VOID_ID]]
    assert loaded['gt_raw_seg'].tolist() == [[11, 13, 255]]
    with pytest.raises(ValueError, match=r'a\.png: image mode is L, expected RGB'):
        LoadPanopticMap()(results | dict(seg_encoding='step'))


def test_frame_without_label_file():
    results = dict(img_path='image.png', seg_map_path=None, label_map=LABEL_MAP, ori_shape=(1, 3))
    assert LoadPanopticMap()(results)['gt_seg_map'] is None


def save(path, pixels, mode='RGB'):
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def test_ids_in_model_labels(tmp_path):
    classes = np.array([[PERSON, CAR, CAR], [ROAD, SKY, VOID]])
    instances = np.array([[65535, 258, 0], [9, 0, 77]])
    ids = load(save(tmp_path / 'a.png', step_rgb(classes, instances)))
    assert ids.dtype == np.int32
    # Crowd keeps instance 0; what stuff and void carry there is dropped.
    assert ids.tolist() == [[encode_ids(0, 65535), encode_ids(1, 258), encode_ids(1, 0)],
                            [encode_ids(2, 0), encode_ids(3, 0), VOID_ID]]  # fmt: skip


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'gone\.png: label file missing'):
        load(tmp_path / 'gone.png')


@pytest.mark.parametrize('mode', ['L', 'P', 'RGBA', '1'])
def test_wrong_mode(tmp_path, mode):
    with pytest.raises(ValueError, match=rf'a\.png: image mode is {mode}, expected RGB'):
        load(save(tmp_path / 'a.png', np.zeros((2, 3, 3), dtype=np.uint8), mode))


def test_16_bit_map(tmp_path):
    Image.fromarray(np.full((2, 3), 11003, dtype=np.uint16)).save(tmp_path / 'a.png')
    with pytest.raises(ValueError, match=r'a\.png: image mode is I;16, expected RGB'):
        load(tmp_path / 'a.png')


def test_wrong_size(tmp_path):
    with pytest.raises(ValueError, match=r'a\.png: size \(H, W\) is \(3, 2\), expected \(2, 3\)'):
        load(save(tmp_path / 'a.png', np.zeros((3, 2, 3), dtype=np.uint8)))


def test_class_outside_the_metainfo(tmp_path):
    path = save(tmp_path / 'a.png', step_rgb(np.array([[ROAD, 12, SKY], [26, 12, 12]])))
    with pytest.raises(ValueError, match=r'a\.png: class id 12, 26 not in the metainfo'):
        load(path)


def test_broken_files(tmp_path):
    path = save(tmp_path / 'a.png', np.random.randint(0, 10, (64, 64, 3)).astype(np.uint8))
    whole = path.read_bytes()
    for broken, message in ((whole[: len(whole) // 2], 'cannot be read'), (b'not a png', 'not an image')):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=rf'a\.png: {message}'):
            load(path, (64, 64))
