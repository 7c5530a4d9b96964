import numpy as np
import pytest

from tests.test_datasets.panoptic_files import (
    CATEGORIES,
    METAINFO,
    TEST,
    arguments,
    edit_json,
    maps,
    truth,
    write_images,
)
from tests.test_datasets.step_files import LOAD, broadcast
from videoseg.datasets import CityscapesPanopticImageDataset, COCOPanopticImageDataset, PanopticImageDataset
from videoseg.datasets.samplers import DrawIndex
from videoseg.structures.ids import VOID_LABEL, encode_ids

IDS = [139, 285, 632]
CITY = dict(image_name='aachen/{}_leftImg8bit.png', png_name='{}_gtFine_panoptic.png')
CITY_IDS = [f'aachen_000000_{n:06d}' for n in range(3)]


def build(root, cls=PanopticImageDataset, **kwargs):
    return cls(**arguments(root, 'img', 'png', **dict(test_mode=True, pipeline=TEST) | kwargs))


def renumbered(t):
    """Every image counts its instances anew."""
    numbers, ids = {}, truth(t)
    segments = [encode_ids(0, 1), encode_ids(0, 3), encode_ids(1, 2)]  # in the order of the ids in the json
    for segment in segments:
        if (truth(t) == segment).any():
            numbers[segment] = len(numbers) + 1
            ids[truth(t) == segment] = encode_ids(segment >> 16, numbers[segment])
    return ids


def test_every_image_is_a_video(tmp_path):
    dataset = build(write_images(tmp_path, IDS))
    assert dataset.num_videos == 3 and dataset.get_video(1)['video_id'] == '285'
    for t in range(3):
        (found,) = maps(dataset, t)
        assert np.array_equal(found, renumbered(t))
    assert dataset[2]['data_samples'][0].image_id == 632


def test_classes_of_the_json(tmp_path):
    dataset = build(write_images(tmp_path, IDS), metainfo=None)
    assert dataset.metainfo['classes'] == ('cow', 'dog', 'sky', 'grass') and dataset.metainfo['num_things'] == 2
    assert dataset.metainfo['raw_ids'] == (2, 4, 8, 7) and dataset.metainfo['palette'][0] == (4, 5, 6)
    assert dataset.label_map.raw_ids == (2, 4, 8, 7)
    assert np.array_equal(maps(dataset)[0], renumbered(0))


def test_classes_are_known_after_a_lazy_start(tmp_path):
    dataset = build(write_images(tmp_path, IDS), metainfo=None, lazy_init=True)
    dataset.full_init()
    assert dataset.metainfo['classes'] == ('cow', 'dog', 'sky', 'grass')


def test_crowds_are_ignored_in_training(tmp_path):
    pipeline = [dict(type='ClipSample', num_refs=0), broadcast(*LOAD), dict(type='PackClipInputs')]
    dataset = build(write_images(tmp_path, IDS), test_mode=False, pipeline=pipeline)
    sample = dataset[DrawIndex(0, 0)]['data_samples'][0]
    assert sample.gt_instances.labels.tolist() == [0]
    assert (sample.gt_sem_seg.sem_seg[0, 10:, 15:] == VOID_LABEL).all()


def test_images_without_labels(tmp_path):
    write_images(tmp_path, IDS)
    args = dict(data_root=str(tmp_path), data_prefix=dict(img='img'), test_mode=True, pipeline=TEST)
    dataset = COCOPanopticImageDataset(**args)
    assert dataset.num_videos == 3 and maps(dataset) == [None]
    with pytest.raises(ValueError, match='metainfo lacks classes'):
        PanopticImageDataset(**args)


def test_missing_annotation_and_unknown_category(tmp_path):
    root = write_images(tmp_path, IDS)
    with pytest.raises(ValueError, match=r"image '139'.* segment id 5 has the unknown category 8"):
        build(root, metainfo=dict(classes=('cow', 'dog', 'grass')))
    edit_json(root / 'gt.json', lambda x: x['annotations'].pop())
    with pytest.raises(ValueError, match="image '632' has no annotation"):
        build(root)


class TestCOCO:
    def test_official_classes(self):
        info = COCOPanopticImageDataset.METAINFO
        assert len(info['classes']) == len(info['raw_ids']) == len(info['palette']) == 133
        names = dict(zip(info['raw_ids'], info['classes'], strict=True))
        known = {1: 'person', 18: 'dog', 90: 'toothbrush', 92: 'banner', 187: 'sky-other-merged', 200: 'rug-merged'}
        assert known.items() <= names.items() and info['num_things'] == 80

    def test_other_names_are_an_error(self, tmp_path):
        with pytest.raises(ValueError, match=r"category 2 is 'cow' there, but class 'bicycle' in the metainfo"):
            build(write_images(tmp_path, IDS), COCOPanopticImageDataset, metainfo=None)

    def test_reads_official_categories(self, tmp_path):
        root = write_images(tmp_path, IDS)
        used = {2: ('bicycle', 1), 4: ('motorcycle', 1), 7: ('train', 1), 8: ('truck', 1)}
        categories = [dict(id=i, name=name, isthing=thing) for i, (name, thing) in used.items()]
        edit_json(root / 'gt.json', lambda x: x.update(categories=categories))
        (found,) = maps(build(root, COCOPanopticImageDataset, metainfo=None))
        assert set(np.unique(found) >> 16) == {1, 3, 6, 7, VOID_LABEL}


class TestCityscapes:
    def test_official_classes(self):
        info = CityscapesPanopticImageDataset.METAINFO
        names = dict(zip(info['raw_ids'], info['classes'], strict=True))
        assert [names[i] for i in (7, 8, 11, 23, 24, 26, 33)] == [
            'road', 'sidewalk', 'building', 'sky', 'person', 'car', 'bicycle',
        ]  # fmt: skip
        assert info['num_things'] == 8 and info['classes'][2] == 'car'

    def test_names(self, tmp_path):
        dataset = build(write_images(tmp_path, CITY_IDS, **CITY), CityscapesPanopticImageDataset)
        assert np.array_equal(maps(dataset, 2)[0], renumbered(2))
        assert dataset.get_video(0)['img_paths'][0].endswith('img/aachen/aachen_000000_000000_leftImg8bit.png')
        assert dataset[1]['data_samples'][0].image_id == 'aachen_000000_000001'

    def test_without_labels(self, tmp_path):
        write_images(tmp_path, CITY_IDS, **CITY)
        dataset = CityscapesPanopticImageDataset(
            data_root=str(tmp_path), data_prefix=dict(img='img'), test_mode=True, pipeline=TEST
        )
        assert [dataset.get_video(v)['video_id'] for v in range(dataset.num_videos)] == CITY_IDS

    def test_fewer_things_if_one_says_so(self, tmp_path):
        """As for a model of KITTI-STEP's classes, where riders, trucks ... are stuff."""
        root = write_images(tmp_path, CITY_IDS, **CITY)
        metainfo = dict(METAINFO, num_things=1)
        (found,) = maps(build(root, CityscapesPanopticImageDataset, metainfo=metainfo), 2)
        assert set(np.unique(found)) == {
            encode_ids(0, 1), encode_ids(0, 2), encode_ids(1, 0), encode_ids(2, 0), encode_ids(3, 0), 255 << 16,
        }  # fmt: skip
        assert len(CATEGORIES) == 4

    def test_missing_image(self, tmp_path):
        root = write_images(tmp_path, CITY_IDS, **CITY)
        (root / 'img/aachen/aachen_000000_000001_leftImg8bit.png').unlink()
        with pytest.raises(FileNotFoundError, match=r"frame 'aachen_000000_000001': image missing: .*/aachen/aachen_"):
            build(root, CityscapesPanopticImageDataset)
