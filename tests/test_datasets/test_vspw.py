import json

import numpy as np
import pytest

from tests.test_datasets.listed_files import SIZE, TEST, TRAIN, save, vspw_args, vspw_mask, write_vspw
from videoseg.datasets import VSPWDataset
from videoseg.datasets.samplers import WindowIndex

METAINFO = dict(classes=('a', 'b', 'c'), num_things=0, raw_ids=(0, 123, 7))


@pytest.fixture
def root(tmp_path):
    return write_vspw(tmp_path, {'12_b': 3, '3_a': 2})


def test_labels_and_values_of_the_file(root):
    dataset = VSPWDataset(**vspw_args(root, pipeline=TEST, test_mode=True))
    frames = dataset[WindowIndex(0, 0, 3, 0)]['data_samples'].video_data_samples
    for t, frame in enumerate(frames):
        raw = vspw_mask(t)
        assert np.array_equal(frame.gt_sem_seg.raw_seg[0].numpy(), raw)
        wanted = np.where((raw == 0) | (raw == 255), 255, raw.astype(int) - 1)
        assert np.array_equal(frame.gt_sem_seg.sem_seg[0].numpy(), wanted)
        assert frame.gt_sem_seg.sem_seg.shape == (1, *SIZE)
        assert 'gt_panoptic_seg' not in frame and 'gt_instances' not in frame
    assert [f.video_id for f in frames] == ['12_b'] * 3


def test_training(root):
    dataset = VSPWDataset(**vspw_args(root, pipeline=TRAIN, metainfo=METAINFO))
    assert len(dataset) == 5
    frame = dataset[0]['data_samples'][0]
    assert sorted(frame.gt_sem_seg.sem_seg.unique().tolist()) == [0, 1, 255] and len(frame.gt_instances) == 0


def test_metainfo(root):
    assert len(VSPWDataset.METAINFO['classes']) == 124 and VSPWDataset.METAINFO['num_things'] == 0
    names = {'others': 0, **{f'name {i}': i for i in range(1, 125)}}
    (root / 'label_num_dic_final.json').write_text(json.dumps(names))
    dataset = VSPWDataset(**vspw_args(root))
    assert dataset.metainfo['classes'][0] == 'name 1' and dataset.metainfo['classes'][123] == 'name 124'
    assert dataset.label_map.classes == dataset.metainfo['classes']
    assert VSPWDataset(**vspw_args(root, metainfo=METAINFO)).metainfo['classes'] == ('a', 'b', 'c')
    assert VSPWDataset.METAINFO['classes'][0] == 'class_000'
    names.pop('name 7')
    (root / 'label_num_dic_final.json').write_text(json.dumps(names))
    with pytest.raises(ValueError, match='label_num_dic_final.json: no name for pixel value 7'):
        VSPWDataset(**vspw_args(root))
    (root / 'label_num_dic_final.json').write_text('["wall"]')
    with pytest.raises(ValueError, match='expected a json of class name -> pixel value'):
        VSPWDataset(**vspw_args(root))


def test_class_outside_the_metainfo(root):
    dataset = VSPWDataset(**vspw_args(root, pipeline=TEST, test_mode=True, metainfo=METAINFO))
    mask = vspw_mask(0)
    mask[0, 0] = 21
    save(root / 'data/12_b/mask/00000000.png', mask)
    with pytest.raises(ValueError, match='mask/00000000.png: class id 20 not in the metainfo'):
        dataset[0]
    mask[0, 0] = 200
    save(root / 'data/12_b/mask/00000000.png', mask)
    with pytest.raises(ValueError, match=r'mask/00000000.png: values \[200\]'):
        dataset[0]


def test_masks_of_wrong_kind(root):
    dataset = VSPWDataset(**vspw_args(root, pipeline=TEST, test_mode=True))
    path = root / 'data/12_b/mask/00000000.png'
    for pixels, message in (
        (np.zeros((9, 14), np.uint8), r'size \(H, W\) is \(9, 14\), expected \(10, 14\)'),
        (np.zeros(SIZE, np.uint16), 'image mode is I;16, expected L or P'),
        (np.zeros((*SIZE, 3), np.uint8), 'image mode is RGB'),
    ):
        save(path, pixels)
        with pytest.raises(ValueError, match='00000000.png: ' + message):
            dataset[0]


def test_hidden_ground_truth(tmp_path):
    write_vspw(tmp_path, {'a': 2, 'b': 1}, 'test', masks=False)
    dataset = VSPWDataset(**vspw_args(tmp_path, 'test', pipeline=TEST, test_mode=True))
    assert 'gt_sem_seg' not in dataset[0]['data_samples'][0]
    with pytest.raises(FileNotFoundError, match='a/mask: no such folder'):
        VSPWDataset(**vspw_args(tmp_path, 'test'))
    save(tmp_path / 'data/a/mask/00000000.png', vspw_mask(0))
    with pytest.raises(FileNotFoundError, match='b/mask: no such folder'):
        VSPWDataset(**vspw_args(tmp_path, 'test', test_mode=True))


def test_missing_files(root):
    (root / 'data/3_a/mask/00000001.png').unlink()
    with pytest.raises(FileNotFoundError, match='label file missing for 3_a/00000001'):
        VSPWDataset(**vspw_args(root))
    (root / 'data/3_a/origin/00000001.jpg').unlink()
    (root / 'data/3_a/origin/00000000.jpg').unlink()
    with pytest.raises(FileNotFoundError, match='3_a/origin: no images in it'):
        VSPWDataset(**vspw_args(root))


@pytest.mark.parametrize(
    ('lines', 'message'),
    [
        ('12_b\n../12_b\n', "file name '../12_b' is not a plain relative path; refused"),
        ('12_b\n3_a\n12_b\n', "train.txt: video '12_b' is there twice"),
        ('\n \n', 'train.txt: names no video'),
    ],
)
def test_bad_lists(root, lines, message):
    (root / 'train.txt').write_text(lines)
    with pytest.raises(ValueError, match=message):
        VSPWDataset(**vspw_args(root))


def test_missing_list(root):
    with pytest.raises(FileNotFoundError, match='val.txt: list of videos missing'):
        VSPWDataset(**vspw_args(root, 'val'))
