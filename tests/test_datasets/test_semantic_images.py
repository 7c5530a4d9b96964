"""Semantic PNGs of single images: ADE20K's encoding and others, from disk to targets and to a score."""

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from PIL import Image

from tests.test_datasets.step_files import LOAD, TEST, broadcast
from videoseg.datasets import ADE20KImageDataset, SemanticImageDataset
from videoseg.datasets.samplers import DrawIndex, WindowIndex
from videoseg.registry import METRICS
from videoseg.structures.ids import DIVISOR, VOID_LABEL

SIZE = (10, 14)
TRAIN = [dict(type='ClipSample', num_refs=0), broadcast(*LOAD), dict(type='PackClipInputs')]
METAINFO = dict(name='fields', classes=('grass', 'sky'), num_things=0, raw_ids=(4, 9))


def values(number: int) -> np.ndarray:
    """0 above, then classes 1, 2, 150 (pixel values) in columns."""
    pixels = np.zeros(SIZE, np.uint8)
    pixels[3:, :5], pixels[3:, 5:9], pixels[3:, 9:] = 1, 2 + number, 150
    return pixels


@pytest.fixture
def root(tmp_path):
    """Two images, the second with class 3 in the place of class 2."""
    for folder in ('images', 'annotations'):
        (tmp_path / folder).mkdir()
    for number in range(2):
        pixels = values(number)
        Image.fromarray(np.stack([pixels] * 3, -1)).save(tmp_path / f'images/ADE_{number}.jpg')
        Image.fromarray(pixels).save(tmp_path / f'annotations/ADE_{number}.png')
    return tmp_path


def open_set(root, cls=ADE20KImageDataset, **kwargs):
    args = dict(data_root=str(root), data_prefix=dict(img='images', seg='annotations'), serialize_data=False)
    return cls(**args | kwargs)


def test_ade20k_classes():
    info = ADE20KImageDataset.METAINFO
    assert len(info['classes']) == len(info['raw_ids']) == len(info['palette']) == 150
    names = dict(zip(info['raw_ids'], info['classes'], strict=True))
    assert {1: 'wall', 2: 'building', 3: 'sky', 13: 'person', 150: 'flag'}.items() <= names.items()
    assert info['num_things'] == 0 and info['ignore_raw_id'] == 0


def test_training_targets(root):
    dataset = open_set(root, pipeline=TRAIN)
    assert len(dataset) == 2 and dataset.metainfo['name'] == 'ade20k'
    for number in range(2):
        packed = dataset[DrawIndex(number, 0)]
        assert packed['inputs'].shape == (1, 3, *SIZE)
        (frame,) = packed['data_samples'].video_data_samples
        raw = values(number)
        wanted = np.where(raw == 0, VOID_LABEL, raw.astype(int) - 1)
        assert np.array_equal(frame.gt_sem_seg.sem_seg[0].numpy(), wanted)
        assert len(frame.gt_instances) == 0


def test_ground_truth_of_tests(root):
    dataset = open_set(root, pipeline=TEST, test_mode=True)
    assert [dataset.get_video(v)['video_id'] for v in range(dataset.num_videos)] == ['ADE_0', 'ADE_1']
    (frame,) = dataset[WindowIndex(1, 0, 1, 0)]['data_samples'].video_data_samples
    assert set(frame.gt_sem_seg.sem_seg.unique().tolist()) == {0, 2, 149, 255}
    assert np.array_equal(frame.gt_sem_seg.raw_seg[0].numpy(), values(1))


def test_scores(root):
    """mIoU of predictions that are right but for building taken for wall in the first image."""
    dataset = open_set(root, pipeline=TEST, test_mode=True)
    metric = METRICS.build(dict(type='SemanticIoUMetric'))
    metric.dataset_meta = dataset.metainfo
    for number in range(2):
        (frame,) = dataset[number]['data_samples'].video_data_samples
        labels = frame.gt_sem_seg.sem_seg.int()
        labels[labels == 1] = 0
        frame.pred_panoptic_seg = PixelData(panoptic_seg=torch.where(labels == VOID_LABEL, 7, labels) * DIVISOR)
        metric.process({}, [frame.to_dict()])
    scores = metric.evaluate(size=2)
    wall, building, sky, flag = 70 / 98, 0.0, 1.0, 1.0  # 35 pixels of wall and 28 of building an image
    assert scores['vss/mIoU'] == pytest.approx((wall + building + sky + flag) / 4)


def test_images_without_labels(root):
    dataset = open_set(root, data_prefix=dict(img='images'), pipeline=TEST, test_mode=True)
    (frame,) = dataset[0]['data_samples'].video_data_samples
    assert 'gt_sem_seg' not in frame


def test_classes_of_ones_own(root):
    Image.fromarray(np.full(SIZE, 9, np.uint8)).save(root / 'annotations/ADE_0.png')
    pixels = np.full(SIZE, 4, np.uint8)
    pixels[0] = 255
    Image.fromarray(pixels).save(root / 'annotations/ADE_1.png')
    dataset = open_set(root, SemanticImageDataset, metainfo=METAINFO, pipeline=TRAIN)
    labels = [dataset[i]['data_samples'][0].gt_sem_seg.sem_seg for i in range(2)]
    assert (labels[0] == 1).all()
    assert (labels[1][0, 0] == VOID_LABEL).all() and (labels[1][0, 1:] == 0).all()


def test_videos_in_folders(root):
    for folder in ('images', 'annotations'):
        (root / 'videos' / folder).mkdir(parents=True)
        (root / folder).rename(root / 'videos' / folder / 'a')
    dataset = open_set(root / 'videos', layout='sequences', pipeline=TEST, test_mode=True)
    assert dataset.num_videos == 1 and dataset.video_length(0) == 2


def test_bad_files(root):
    Image.fromarray(np.full(SIZE, 151, np.uint8)).save(root / 'annotations/ADE_1.png')
    with pytest.raises(ValueError, match=r'ADE_1.png: class id 151 not in the metainfo'):
        open_set(root, pipeline=TRAIN)[1]
    (root / 'annotations/ADE_1.png').unlink()
    with pytest.raises(FileNotFoundError, match='label file missing for ADE_1/ADE_1'):
        open_set(root)
    with pytest.raises(ValueError, match='metainfo lacks classes'):
        open_set(root, SemanticImageDataset)
    with pytest.raises(TypeError, match='reduce_zero_label'):
        open_set(root, reduce_zero_label=True)
