"""Images in COCO's detection format: exact masks in tests, painted in training, clips by PseudoClip."""

import json

import numpy as np
import pytest

from tests.test_datasets.coco_files import DOG, annotation, content, dataset_args, image, write
from tests.test_datasets.step_files import broadcast
from tests.test_datasets.vis_files import SIZE, TEST, box
from videoseg.datasets import COCOInstanceImageDataset, InstanceImageDataset
from videoseg.datasets.samplers import DrawIndex, WindowIndex
from videoseg.structures.ids import VOID_ID, VOID_LABEL, encode_ids
from videoseg.structures.rle import decode_masks

LOAD = broadcast(dict(type='LoadImageFromFile'), dict(type='LoadInstanceTracks'))
PACK = dict(type='PackClipInputs')
SINGLE = [dict(type='ClipSample', num_refs=0), LOAD, PACK]


def open_set(root, data=None, cls=InstanceImageDataset, **kwargs):
    return cls(**dataset_args(write(root, content() if data is None else data), **kwargs))


def test_every_image_is_a_video_of_one_frame(tmp_path):
    dataset = open_set(tmp_path, test_mode=True, pipeline=TEST)
    assert [dataset.get_video(v)['video_id'] for v in range(dataset.num_videos)] == ['70', '8', '9', '10']
    assert [dataset.video_length(v) for v in range(4)] == [1] * 4 and len(dataset) == 4
    assert [dataset[v]['data_samples'][0].image_id for v in range(4)] == [70, 8, 9, 10]
    assert dataset.metainfo['classes'] == ('Dog', 'Giant_panda') and dataset.metainfo['raw_ids'] == (2, 5)


def test_tests_score_the_masks_as_they_overlap(tmp_path):
    dataset = open_set(tmp_path, test_mode=True, pipeline=TEST)
    truth = dataset[WindowIndex(0, 0, 1, 0)]['data_samples'][0].gt_instances
    assert truth.labels.tolist() == [0, 1, 1] and truth.is_crowd.tolist() == [False, False, True]
    masks = decode_masks(truth.masks, SIZE).astype(bool)
    assert np.array_equal(masks, [box(2, 1, 4, 4), box(1, 0, 9, 9), box(0, 10, 12, 6)])
    polygon = dataset[1]['data_samples'][0].gt_instances
    assert np.array_equal(decode_masks(polygon.masks, SIZE)[0].astype(bool), box(5, 5, 4, 6))
    assert len(dataset[2]['data_samples'][0].gt_instances) == 0


def test_training_paints_the_smaller_in_front(tmp_path):
    sample = open_set(tmp_path, pipeline=SINGLE)[DrawIndex(0, 0)]['data_samples']
    assert len(sample) == 1
    targets = sample[0].gt_instances
    assert targets.instances_ids.tolist() == [encode_ids(0, 1), encode_ids(1, 2)]
    dog, panda = box(2, 1, 4, 4), box(1, 0, 9, 9)
    assert np.array_equal(targets.masks.numpy().astype(bool), [dog, panda & ~dog])
    semantic = sample[0].gt_sem_seg.sem_seg[0].numpy()
    assert (semantic[~dog & ~panda] == VOID_LABEL).all()  # the crowd and the rest


def test_images_without_instances_are_left_out_in_training_only(tmp_path):
    def names(**kwargs):
        dataset = open_set(tmp_path, **kwargs)
        return [dataset.get_video(v)['video_id'] for v in range(dataset.num_videos)]

    assert names() == ['70', '8']
    assert names(filter_empty=False) == ['70', '8', '9', '10'] == names(test_mode=True)
    data = content()
    data['annotations'] = data['annotations'][-1:]
    with pytest.raises(ValueError, match=r"instances.json: no image has an instance of the classes \('Dog'"):
        open_set(tmp_path, data)


@pytest.mark.parametrize('sample', [dict(consecutive=3), dict(num_refs=2)])
def test_clips_of_pasted_and_moving_instances(tmp_path, sample):
    occluders = dict(type='InstanceImageDataset', **dataset_args(tmp_path))
    motion = dict(type='PseudoClip', occluders=occluders, num_occluders=(1, 1), min_object_area=9)
    dataset = open_set(tmp_path, pipeline=[dict(type='ClipSample', **sample), LOAD, motion, PACK])
    pasted = set()
    for seed in range(8):
        clip = dataset[DrawIndex(0, seed)]['data_samples']
        ids = [set(frame.gt_instances.instances_ids.tolist()) for frame in clip]
        assert len(ids) == 3 and [frame.frame_id for frame in clip] == [0, 1, 2]
        own = {encode_ids(0, 1), encode_ids(1, 2)}
        pasted |= set.union(*ids) - own
        assert set.union(*ids) & own
    assert pasted == {encode_ids(0, 3)}  # the dog of the other image, under a number of its own


def test_the_same_sample_from_the_same_seed(tmp_path):
    motion = dict(type='PseudoClip')
    dataset = open_set(tmp_path, pipeline=[dict(type='ClipSample', consecutive=3), LOAD, motion])
    first, again, other = (dataset[DrawIndex(1, seed)]['gt_seg_map'] for seed in (4, 4, 5))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert np.array_equal(first[0] != VOID_ID, box(5, 5, 4, 6))


def test_categories_become_one_class(tmp_path):
    dataset = open_set(tmp_path, class_map='object', pipeline=SINGLE)
    assert dataset.metainfo['classes'] == ('object',) and dataset.metainfo['num_things'] == 1
    assert dataset.metainfo['raw_ids'] == (2,)
    assert dataset[DrawIndex(0, 0)]['data_samples'][0].gt_instances.instances_ids.tolist() == [1, 2]


def test_categories_that_the_map_leaves_out(tmp_path):
    dataset = open_set(tmp_path, class_map=dict(Giant_panda='mammal'), test_mode=True, pipeline=TEST)
    assert dataset.metainfo['classes'] == ('mammal',) and dataset.metainfo['raw_ids'] == (5,)
    assert [len(dataset[v]['data_samples'][0].gt_instances) for v in range(4)] == [2, 0, 0, 0]
    trained = open_set(tmp_path, class_map=dict(Giant_panda='mammal'))
    assert [trained.get_video(v)['video_id'] for v in range(trained.num_videos)] == ['70']


def test_the_map_takes_its_classes_from_the_metainfo(tmp_path):
    metainfo = dict(classes=('bird', 'mammal', 'dog'))
    class_map = dict(Dog='dog', Giant_panda='mammal')
    dataset = open_set(tmp_path, class_map=class_map, metainfo=metainfo, test_mode=True, pipeline=TEST)
    assert dataset.metainfo['classes'] == ('bird', 'mammal', 'dog') and dataset.metainfo['num_things'] == 3
    assert dataset.metainfo['raw_ids'][1:] == (5, 2)
    assert dataset[0]['data_samples'][0].gt_instances.labels.tolist() == [2, 1, 1]


@pytest.mark.parametrize(
    ('edit', 'message'),
    [
        (lambda x: x.update(images=[]), "no images in it; expected a json in COCO's detection format"),
        (lambda x: x['images'].append(image(70, 'e.png')), 'two video entries have the id 70'),
        (lambda x: x['annotations'].append(annotation(1, 8, DOG, box(0, 0, 2, 2))), 'two annotation entries'),
        (lambda x: x['annotations'].append(annotation(6, 80, DOG, box(0, 0, 2, 2))), 'annotation 6: there is no video'),
        (lambda x: x['annotations'].append(annotation(6, 8, 3, box(0, 0, 2, 2))), 'category 3 is not one of the'),
        (lambda x: x['annotations'][0].pop('segmentation'), 'video 70, annotation 1: no segmentations'),
        (lambda x: x['annotations'][0].update(segmentation=[]), r'annotation 1, frame 0 \(a.png\): polygon'),
        (lambda x: x['images'][0].update(file_name='../a.png'), 'not a plain relative path'),
        (lambda x: x.update(annotations={}), 'no annotations in it'),
        (lambda x: x.update(annotations='none'), 'the annotation list is a str'),
        (lambda x: x['images'].append(None), 'video without an integer id: None'),
        (lambda x: x['annotations'].append([]), r'annotation without an integer id: \[\]'),
    ],
)
def test_bad_jsons(tmp_path, edit, message):
    write(tmp_path, content())
    data = content()
    edit(data)
    (tmp_path / 'instances.json').write_text(json.dumps(data))
    with pytest.raises(ValueError, match=message):
        InstanceImageDataset(**dataset_args(tmp_path))


def test_missing_image(tmp_path):
    (write(tmp_path, content()) / 'images/b.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'video 8: image missing: .*images/b.png; check data_prefix.img'):
        InstanceImageDataset(**dataset_args(tmp_path))


class TestCOCO:
    def test_official_classes(self):
        info = COCOInstanceImageDataset.METAINFO
        assert len(info['classes']) == len(info['raw_ids']) == len(info['palette']) == info['num_things'] == 80
        names = dict(zip(info['raw_ids'], info['classes'], strict=True))
        assert {1: 'person', 13: 'stop sign', 18: 'dog', 90: 'toothbrush'}.items() <= names.items()

    def test_labels(self, tmp_path):
        data = content()
        data['categories'] = [dict(id=18, name='dog'), dict(id=88, name='teddy bear')]
        for entry in data['annotations']:
            entry['category_id'] = {2: 18, 5: 88}[entry['category_id']]
        dataset = open_set(tmp_path, data, COCOInstanceImageDataset, pipeline=SINGLE)
        assert dataset[DrawIndex(0, 0)]['data_samples'][0].gt_instances.labels.tolist() == [16, 77]
        one = open_set(tmp_path, data, COCOInstanceImageDataset, class_map='object')
        assert one.metainfo['classes'] == ('object',) and one.metainfo['name'] == 'coco_instance'

    def test_other_names_are_an_error(self, tmp_path):
        with pytest.raises(ValueError, match="category 2 is 'Dog' there but class 'bicycle' here"):
            open_set(tmp_path, cls=COCOInstanceImageDataset)
