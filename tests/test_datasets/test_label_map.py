import numpy as np
import pytest
import torch

from tests.parity_data import parity_file
from videoseg.datasets import (
    CamVidVPSDataset,
    KITTISTEPDataset,
    LabelMap,
    MOTChallengeSTEPDataset,
    SyntheticSTEPDataset,
)
from videoseg.structures.ids import VOID_LABEL

DATASETS = [KITTISTEPDataset, MOTChallengeSTEPDataset, CamVidVPSDataset, SyntheticSTEPDataset]


@pytest.mark.parametrize('dataset', DATASETS)
def test_round_trip(dataset):
    label_map = LabelMap.from_metainfo(dataset.METAINFO)
    labels = np.array([*range(label_map.num_classes), VOID_LABEL])
    raw = label_map.to_raw(labels)
    assert sorted(raw[:-1].tolist()) == list(range(label_map.num_classes)) and raw[-1] == 255
    assert label_map.to_labels(raw).tolist() == labels.tolist()
    assert len(dataset.METAINFO['palette']) == label_map.num_classes


def test_official_things():
    names = {d: d.METAINFO['raw_ids'][: d.METAINFO['num_things']] for d in DATASETS[:3]}
    assert names == {KITTISTEPDataset: (11, 13), MOTChallengeSTEPDataset: (4,), CamVidVPSDataset: (8, 9, 10)}
    assert KITTISTEPDataset.METAINFO['classes'][:4] == ('person', 'car', 'road', 'sidewalk')
    assert KITTISTEPDataset.METAINFO['classes'][-1] == 'bicycle'


@pytest.mark.parametrize(
    ('name', 'label_map'),
    [
        ('kitti', LabelMap.from_metainfo(KITTISTEPDataset.METAINFO)),
        ('city', LabelMap([str(i) for i in range(19)], 8, (*range(11, 19), *range(11)))),
    ],
)
def test_stuff_masks_equal_the_recorded_ones(name, label_map):
    recorded = torch.load(parity_file('knet', 'video_label_utils.pt'), weights_only=True)
    labels = label_map.to_labels(recorded['inputs']['sem'][0].numpy())
    expected_labels, expected_masks = recorded['outputs'][name]
    stuff = np.unique(labels[(labels >= label_map.num_things) & (labels != VOID_LABEL)])
    assert stuff.tolist() == expected_labels.tolist()
    assert np.array_equal(labels[None] == stuff[:, None, None], expected_masks.numpy().astype(bool))


def test_class_outside_the_metainfo_names_file_and_id():
    label_map = LabelMap(('car', 'road'), 1, (13, 0))
    with pytest.raises(ValueError, match=r'maps/7\.png: class id 5, 200 not in the metainfo .*0 road, 13 car'):
        label_map.to_labels(np.array([[0, 5], [200, 13]], dtype=np.uint8), 'maps/7.png')
    with pytest.raises(ValueError, match='label 2 is not one of the 2 classes'):
        label_map.to_raw(np.array([0, 2]))
    with pytest.raises(ValueError, match='class id -1, 300'):
        label_map.to_labels(np.array([300, -1]))


def test_ignore_id_other_than_255():
    label_map = LabelMap(('car', 'road'), 1, (13, 0), ignore_raw_id=32)
    assert label_map.to_labels(np.array([32, 13])).tolist() == [VOID_LABEL, 0]
    assert label_map.to_raw(np.array([VOID_LABEL])).tolist() == [32]
    with pytest.raises(ValueError, match='class id 255'):
        label_map.to_labels(np.array([255]))


def test_ids_of_more_than_8_bits():
    label_map = LabelMap(('car', 'road'), 1, (1300, 7), ignore_raw_id=0)
    assert label_map.to_labels(np.array([1300, 0, 7])).tolist() == [0, VOID_LABEL, 1]
    assert label_map.to_raw(np.array([0, 1, VOID_LABEL])).tolist() == [1300, 7, 0]
    with pytest.raises(ValueError, match='class id 1299 not'):
        label_map.to_labels(np.array([1300, 1299]))


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        ((('a', 'b'), 1, (0,)), '2 classes but 1 raw_ids'),
        ((('a', 'b'), 3, (0, 1)), 'num_things=3'),
        ((('a', 'b'), 1, (4, 4)), r'\[4\] twice'),
        ((('a', 'b'), 1, (4, 255)), r'\[255\] are outside'),
        ((('a', 'b'), 1, (4, 65536)), r'\[65536\] are outside'),
        ((('a', 'b'), 1, (4, 5), -1), r'ignore_raw_id=-1 is outside'),
    ],
)
def test_bad_metainfo(args, message):
    with pytest.raises(ValueError, match=message):
        LabelMap(*args)
    with pytest.raises(ValueError, match='metainfo lacks num_things, raw_ids'):
        LabelMap.from_metainfo(dict(classes=('a',)))
