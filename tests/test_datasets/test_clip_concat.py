"""Data sets joined for training: shares, determinism over processes, workers and resumes, and what does not fit."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from tests.test_datasets import coco_files, vis_files
from tests.test_datasets.step_files import broadcast
from tests.test_datasets.still_images import still_args, write_stills
from videoseg.datasets import BaseVideoInstanceDataset, ClipConcatDataset
from videoseg.datasets.samplers import ClipSampler, DrawIndex, WindowIndex
from videoseg.registry import DATASETS

LOAD = broadcast(dict(type='LoadImageFromFile'), dict(type='LoadInstanceTracks'), dict(type='RandomFlip', prob=0.5))
PACK = dict(type='PackClipInputs')
CLIPS = [dict(type='ClipSample', num_refs=1), LOAD, PACK]
PSEUDO = [dict(type='ClipSample', num_refs=1), LOAD, dict(type='PseudoClip'), PACK]


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Videos of 2 and 3 frames; two images with instances; four images with panoptic maps."""
    folder = tmp_path_factory.mktemp('joined')
    vis_files.write(folder / 'videos', vis_files.content())
    coco_files.write(folder / 'coco', coco_files.content())
    write_stills(folder / 'stills')
    return folder


def videos(root, **kwargs):
    args = vis_files.dataset_args(root / 'videos', pipeline=CLIPS)
    return dict(type='BaseVideoInstanceDataset', **args | kwargs)


def images(root, **kwargs):
    args = coco_files.dataset_args(root / 'coco', pipeline=PSEUDO)
    return dict(type='InstanceImageDataset', **args | kwargs)


def joined(root, **kwargs):
    return ClipConcatDataset([videos(root), images(root)], **kwargs)


def assert_same(first, second):
    assert torch.equal(first['inputs'], second['inputs'])
    for ours, theirs in zip(first['data_samples'], second['data_samples'], strict=True):
        assert ours.img_path == theirs.img_path and ours.frame_id == theirs.frame_id
        assert torch.equal(ours.gt_instances.masks, theirs.gt_instances.masks)


def test_samples_are_those_of_the_data_sets(root):
    dataset = joined(root)
    assert len(dataset) == 7 and dataset.counts == (5, 2)
    single = [
        BaseVideoInstanceDataset(**{k: v for k, v in videos(root).items() if k != 'type'}),
        DATASETS.build(images(root)),
    ]
    for index in range(7):
        own, key = (0, index) if index < 5 else (1, index - 5)
        assert dataset.locate(index) == (own, key)
        assert_same(dataset[DrawIndex(index, 3)], single[own][DrawIndex(key, 3)])
    assert dataset[-1]['data_samples'][0].img_path.endswith('b.png')


def test_a_sample_depends_on_index_and_seed_only(root):
    first, second = joined(root, repeats=(1, 2.5)), joined(root, repeats=(1, 2.5))
    for index in (0, 6, 9):
        np.random.seed(1)
        one = first[DrawIndex(index, 7)]
        np.random.seed(2)
        state = np.random.get_state()[1].tolist()
        assert_same(one, second[DrawIndex(index, 7)])
        assert np.random.get_state()[1].tolist() == state
    flips = {bool(first[DrawIndex(0, seed)]['data_samples'][0].flip) for seed in range(12)}
    assert flips == {True, False}


def test_metainfo_is_that_of_the_first(root):
    dataset = joined(root)
    assert dataset.metainfo['classes'] == ('Dog', 'Giant_panda') and dataset.metainfo['num_things'] == 2
    assert dataset.label_map.classes == dataset.metainfo['classes']
    assert dataset.get_data_info(DrawIndex(5, 0))['video_id'] == '70'


def test_whole_repeats(root):
    dataset = joined(root, repeats=(1, 3))
    assert dataset.counts == (5, 6) and len(dataset) == 11
    assert [dataset.locate(i) for i in range(5, 11)] == [(1, 0), (1, 1)] * 3


def test_a_part_of_a_repeat_is_spread_over_the_key_frames(root):
    dataset = joined(root, repeats=(1.4, 0.5))
    assert dataset.counts == (7, 1)
    assert [dataset.locate(i) for i in range(8)] == [(0, i) for i in (0, 1, 2, 3, 4, 0, 2)] + [(1, 0)]
    drawn = [Counter(dataset.locate(i, seed)[1] for seed in range(300)) for i in (5, 6, 7)]
    assert [set(x) for x in drawn] == [{0, 1}, {2, 3, 4}, {0, 1}]
    assert all(min(x.values()) > 60 for x in drawn)


def test_weights_are_shares(root):
    assert joined(root, weights=(1, 1)).counts == (5, 5)
    assert joined(root, weights=(0.5, 1.5)).counts == (5, 15)
    assert joined(root, weights=(50, 10)).counts == (10, 2)


@pytest.mark.parametrize('world_size', [1, 2])
def test_processes_and_resumes(root, monkeypatch, world_size):
    dataset = joined(root, weights=(1, 1))
    place = 'videoseg.datasets.samplers.clip_sampler.get_dist_info'

    def draws(rank, size, done=0):
        monkeypatch.setattr(place, lambda: (rank, size))
        sampler = ClipSampler(dataset, seed=3, infinite=True)
        sampler.skip(done)
        return list(itertools.islice(iter(sampler), 24 // size))

    whole = draws(0, 1)
    parts = [draws(rank, world_size) for rank in range(world_size)]
    assert [d for row in zip(*parts, strict=True) for d in row] == whole
    assert draws(world_size - 1, world_size, done=5)[:7] == parts[-1][5:12]
    shares = Counter(dataset.locate(d.index)[0] for d in whole[:20])
    assert shares == {0: 10, 1: 10}


def test_workers_give_the_same_samples(root):
    dataset = joined(root)
    sampler = ClipSampler(dataset, seed=1)
    own = [dataset[index] for index in sampler]
    loader = DataLoader(dataset, batch_size=None, sampler=sampler, num_workers=2)
    for ours, theirs in zip(own, loader, strict=True):
        assert_same(ours, theirs)


def test_other_classes(root):
    stills = dict(type='BaseVideoPanopticDataset', **still_args(root / 'stills'))
    message = (
        r'ClipConcatDataset: datasets\[1\] \(tiny\) has classes 4 \(person, car, road, sky\), datasets\[0\] '
        r'\(BaseVideoInstanceDataset\) has 2 \(Dog, Giant_panda\); give all the same'
    )
    with pytest.raises(ValueError, match=message):
        ClipConcatDataset([videos(root), stills])
    things = dict(stills, metainfo=dict(stills['metainfo'], num_things=1))
    with pytest.raises(ValueError, match=r'datasets\[1\] \(tiny\) has num_things 1, .* has 2; give all'):
        ClipConcatDataset([stills, things])
    one = ClipConcatDataset([videos(root, class_map='object'), images(root, class_map='object')])
    assert one.metainfo['classes'] == ('object',)
    assert [one[i]['data_samples'][0].gt_instances.labels.unique().tolist() for i in (2, 5)] == [[0], [0]]


def test_lazy_start(root, tmp_path):
    dataset = joined(tmp_path, lazy_init=True)
    with pytest.raises(FileNotFoundError, match='train.json: json file missing'):
        dataset.full_init()
    with pytest.raises(FileNotFoundError, match='train.json: json file missing'):
        joined(tmp_path)
    assert len(joined(root, lazy_init=True)) == 7


def test_empty_data_set(root):
    with pytest.raises(ValueError, match=r'datasets\[1\] \(BaseVideoInstanceDataset\) has no key frames'):
        ClipConcatDataset([videos(root), videos(root, indices=[])])


def test_data_sets_inside_of_one(root):
    inner = joined(root)
    dataset = ClipConcatDataset([inner, images(root)], repeats=(2, 1))
    assert dataset.counts == (14, 2)
    assert_same(dataset[DrawIndex(13, 5)], inner[DrawIndex(6, 5)])


def test_bad_arguments(root):
    with pytest.raises(ValueError, match='datasets is empty'):
        ClipConcatDataset([])
    with pytest.raises(ValueError, match='give repeats or weights, not both'):
        joined(root, repeats=(1, 1), weights=(1, 1))
    with pytest.raises(ValueError, match=r'repeats must be 2 numbers above 0, one a data set, got \(1,\)'):
        joined(root, repeats=(1,))
    with pytest.raises(ValueError, match=r'weights must be 2 numbers above 0, one a data set, got \(1, 0\)'):
        joined(root, weights=(1, 0))
    with pytest.raises(ValueError, match=r'datasets\[0\] has test_mode=True'):
        ClipConcatDataset([videos(root, test_mode=True)])
    with pytest.raises(TypeError, match=r'datasets\[1\] \(list\) is no data set of clips'):
        ClipConcatDataset([videos(root), [1, 2]])
    with pytest.raises(TypeError, match='shuffle'):
        joined(root, shuffle=True)


def test_bad_indices(root):
    dataset = joined(root)
    for index in (7, -8, DrawIndex(7, 0)):
        with pytest.raises(IndexError, match='of 7'):
            dataset[index]
    with pytest.raises(TypeError, match='it holds training sets only'):
        dataset[WindowIndex(0, 0, 1, 0)]
