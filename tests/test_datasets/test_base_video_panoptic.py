import itertools
import random
import shutil

import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from mmengine.runner.loops import _InfiniteDataloaderIterator

from tests.test_datasets.step_files import (
    LOAD,
    METAINFO,
    TEST,
    TRAIN,
    broadcast,
    dataset_args,
    scene,
    write_dataset,
    write_frame,
)
from videoseg.datasets import BaseVideoPanopticDataset, KITTISTEPDataset, SampleRejected
from videoseg.datasets.samplers import DrawIndex, WindowIndex
from videoseg.registry import DATASETS
from videoseg.structures.ids import decode_ids

AUGMENT = [
    dict(type='ClipSample', num_refs=2),
    broadcast(
        *LOAD,
        dict(type='RandomResize', scale=(40, 24), ratio_range=(0.5, 2.0), keep_ratio=True),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PhotoMetricDistortion'),
    ),
    dict(type='ClipCrop', crop_size=(16, 20)),
    dict(type='PackClipInputs'),
]


@pytest.fixture
def root(tmp_path):
    return write_dataset(tmp_path, {'0000': 5, '0002': 1, '0010': 4})


def same(a: dict, b: dict) -> bool:
    frames = zip(a['data_samples'].video_data_samples, b['data_samples'].video_data_samples, strict=True)
    return torch.equal(a['inputs'], b['inputs']) and all(
        torch.equal(x.gt_sem_seg.sem_seg, y.gt_sem_seg.sem_seg)
        and torch.equal(x.gt_instances.instances_ids, y.gt_instances.instances_ids)
        for x, y in frames
    )


def test_counts_and_order(tmp_path):
    write_dataset(tmp_path, {'10': 3, '9': 2})
    for t in (8, 9, 10, 11):
        write_frame(tmp_path, 'train', 'unpadded', str(t), scene(0))
    (tmp_path / 'images/train/9/source_frames.txt').write_text('not a frame')
    (tmp_path / 'images/train/9/._000000.png').write_text('not a frame either')
    dataset = BaseVideoPanopticDataset(**dataset_args(tmp_path))
    assert [dataset.get_video(v)['video_id'] for v in range(dataset.num_videos)] == ['9', '10', 'unpadded']
    assert [dataset.video_length(v) for v in range(3)] == [2, 3, 4] and len(dataset) == 9
    assert [p.split('/')[-1] for p in dataset.get_video(2)['img_paths']] == ['8.png', '9.png', '10.png', '11.png']


def test_every_frame_is_a_key_frame(root):
    dataset = BaseVideoPanopticDataset(**dataset_args(root, pipeline=TRAIN))
    assert len(dataset) == 10
    seen = [(i['data_samples'].video_id, i['data_samples'][0].frame_id) for i in (dataset[n] for n in range(10))]
    assert seen == [('0000', t) for t in range(5)] + [('0002', 0)] + [('0010', t) for t in range(4)]
    assert dataset[-1]['data_samples'][0].frame_id == 3
    with pytest.raises(IndexError, match='frame 10 of 10'):
        dataset[10]


def test_sequence_of_one_frame_gives_a_clip(root):
    dataset = BaseVideoPanopticDataset(**dataset_args(root, pipeline=TRAIN))
    clip = dataset[DrawIndex(5, 0)]
    assert clip['inputs'].shape == (2, 3, 24, 40)
    assert [frame.frame_id for frame in clip['data_samples'].video_data_samples] == [0, 0]


def test_serialised_lists_are_the_same(root):
    pickled = BaseVideoPanopticDataset(**dataset_args(root, pipeline=TRAIN, serialize_data=True))
    plain = BaseVideoPanopticDataset(**dataset_args(root, pipeline=TRAIN))
    assert pickled.data_list == [] and len(plain.data_list) == 3
    assert all(same(pickled[DrawIndex(n, n)], plain[DrawIndex(n, n)]) for n in range(10))


@pytest.mark.parametrize('serialize', [True, False])
def test_subsets_are_of_videos(root, serialize):
    dataset = BaseVideoPanopticDataset(**dataset_args(root, pipeline=TRAIN, serialize_data=serialize))
    subset = dataset.get_subset([2, 0])
    assert (subset.num_videos, len(subset)) == (2, 9)
    assert subset[0]['data_samples'].video_id == '0010' and subset[4]['data_samples'].video_id == '0000'
    assert len(dataset) == 10
    dataset.get_subset_([1])
    assert (dataset.num_videos, len(dataset)) == (1, 1)
    assert len(BaseVideoPanopticDataset(**dataset_args(root, indices=1))) == 5


def test_subset_of_a_used_data_set_still_shares_the_draws(root):
    """A deep copy of mmcv's cached draws would refer to the original's transforms and draw for every frame."""
    flip = dict(type='RandomFlip', prob=0.5)
    pipeline = [dict(type='ClipSample', num_refs=4), broadcast(*LOAD, flip), dict(type='PackClipInputs')]
    dataset = BaseVideoPanopticDataset(**dataset_args(root, pipeline=pipeline))
    assert dataset[0]['inputs'].shape[0] == 5
    subset = dataset.get_subset([0, 2])
    flips = [{f.flip for f in subset[DrawIndex(2, seed)]['data_samples'].video_data_samples} for seed in range(10)]
    assert {len(f) for f in flips} == {1} and set.union(*flips) == {True, False}


def test_draw_index_decides_everything(root):
    dataset = BaseVideoPanopticDataset(**dataset_args(root, pipeline=AUGMENT))
    first = [dataset[DrawIndex(2, seed)] for seed in range(6)]
    np.random.seed(99), random.seed(99), torch.manual_seed(99)
    again = [dataset[DrawIndex(2, seed)] for seed in range(6)]
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    assert not all(same(first[0], other) for other in first[1:])


def test_global_generators_are_left_alone(root):
    dataset = BaseVideoPanopticDataset(**dataset_args(root, pipeline=AUGMENT))

    def draw(load: bool) -> tuple:
        np.random.seed(3), random.seed(3), torch.manual_seed(3)
        if load:
            dataset[DrawIndex(1, 5)]
        return np.random.rand(), random.random(), torch.rand(1).item()

    assert draw(load=True) == draw(load=False)


class RejectKeyFrames:
    """Rejects some key frames, one way or the other."""

    def __init__(self, frames, silently):
        self.frames, self.silently, self.seen = frames, silently, []

    def __call__(self, results):
        self.seen.append((results['video_id'], results['key_frame'], np.random.rand()))
        if results['key_frame'] not in self.frames:
            return dict(frame=results['key_frame'], draw=np.random.rand())
        if self.silently:
            return None
        raise SampleRejected('no good')


@pytest.mark.parametrize('silently', [True, False])
def test_another_draw_for_a_rejected_sample_is_deterministic(root, silently):
    reject = RejectKeyFrames({1, 2, 3}, silently)
    dataset = BaseVideoPanopticDataset(**dataset_args(root, pipeline=[reject]))
    for seed in range(8):
        reject.seen.clear()
        np.random.seed(seed)
        one, seen = dataset[DrawIndex(1, seed)], list(reject.seen)
        reject.seen.clear()
        np.random.seed(100 + seed)
        assert dataset[DrawIndex(1, seed)] == one and reject.seen == seen
        assert len(seen) > 1 and one['frame'] in (0, 4)
    assert dataset[1]['frame'] in (0, 4)


def test_endless_rejection_names_frame_and_reason(root):
    dataset = BaseVideoPanopticDataset(
        **dataset_args(root, pipeline=[RejectKeyFrames(range(9), silently=False)], max_refetch=4)
    )
    with pytest.raises(
        RuntimeError, match=r'5 samples rejected in a row: video 0000, frame 2 \(.*000002.png\): no good'
    ):
        dataset[DrawIndex(2, 0)]


def test_windows(root):
    dataset = BaseVideoPanopticDataset(**dataset_args(root, pipeline=TEST, test_mode=True))
    window = dataset[WindowIndex(0, 2, 5, 1)]
    clip = window['data_samples']
    assert window['inputs'].shape == (3, 3, 24, 40)
    assert [f.frame_id for f in clip.video_data_samples] == [2, 3, 4]
    meta = {k: clip.get(k) for k in ('video_id', 'video_length', 'window_start', 'num_overlap', 'is_last_window')}
    assert meta == dict(video_id='0000', video_length=5, window_start=2, num_overlap=1, is_last_window=True)
    assert not dataset[WindowIndex(0, 0, 2, 0)]['data_samples'].is_last_window
    single = dataset[6]['data_samples']
    assert (single.video_id, single.window_start, len(single)) == ('0010', 0, 1)
    for wrong in (WindowIndex(0, 3, 6, 0), WindowIndex(3, 0, 1, 0), WindowIndex(0, 2, 2, 0)):
        with pytest.raises(IndexError, match='there is no WindowIndex'):
            dataset[wrong]


def test_kind_of_index_must_fit_the_mode(root):
    with pytest.raises(TypeError, match='use ClipSampler'):
        BaseVideoPanopticDataset(**dataset_args(root))[WindowIndex(0, 0, 1, 0)]
    with pytest.raises(TypeError, match='use VideoWindowSampler'):
        BaseVideoPanopticDataset(**dataset_args(root, test_mode=True))[DrawIndex(0, 0)]


def test_images_without_labels_can_be_tested(root):
    args = dataset_args(root, test_mode=True, pipeline=[broadcast(LOAD[0]), TEST[1]])
    args['data_prefix'].pop('seg')
    frame = BaseVideoPanopticDataset(**args)[0]['data_samples'][0]
    assert 'gt_panoptic_seg' not in frame and frame.seg_map_path is None
    frame = BaseVideoPanopticDataset(**args | dict(pipeline=TEST))[0]['data_samples'][0]
    assert 'gt_panoptic_seg' not in frame
    with pytest.raises(ValueError, match='must name the img folder, and the seg folder'):
        BaseVideoPanopticDataset(**args | dict(test_mode=False))


def test_folder_of_images(root):
    prefix = dict(img='images/train/0000', seg='panoptic_maps/train/0000')
    dataset = BaseVideoPanopticDataset(
        data_root=str(root), data_prefix=prefix, metainfo=METAINFO, layout='images', pipeline=TRAIN
    )
    assert (dataset.num_videos, len(dataset)) == (5, 5)
    clip = dataset[DrawIndex(3, 0)]
    assert clip['data_samples'].video_id == '000003' and torch.equal(clip['inputs'][0], clip['inputs'][1])


def test_pseudo_pair_of_one_image(root):
    resize = dict(type='RandomResize', scale=(80, 48), ratio_range=(0.5, 1.5), keep_ratio=True)
    pipeline = [
        dict(type='ClipSample'),
        broadcast(*LOAD, resize, dict(type='RandomFlip', prob=0.5), share=False),
        dict(type='ClipCrop', crop_size=(24, 40), share_offset=False),
        dict(type='PackClipInputs'),
    ]
    prefix = dict(img='images/train/0000', seg='panoptic_maps/train/0000')
    dataset = BaseVideoPanopticDataset(
        data_root=str(root), data_prefix=prefix, metainfo=METAINFO, layout='images', pipeline=pipeline
    )
    clips = [dataset[DrawIndex(0, seed)] for seed in range(8)]
    assert any(c['data_samples'][0].flip != c['data_samples'][1].flip for c in clips)
    assert any(c['data_samples'][0].scale_factor != c['data_samples'][1].scale_factor for c in clips)
    shared = [set.intersection(*(set(f.gt_instances.instances_ids.tolist()) for f in c['data_samples'])) for c in clips]
    assert all(shared)


def test_maps_are_read_in_model_labels(root):
    dataset = BaseVideoPanopticDataset(**dataset_args(root, pipeline=TEST, test_mode=True))
    ids = dataset[1]['data_samples'][0].gt_panoptic_seg.panoptic_seg
    assert ids.shape == (1, 24, 40) and ids.dtype == torch.int32
    labels, instances = decode_ids(ids[0].numpy())
    rgb = scene(1).astype(int)
    expected = np.select([rgb[..., 0] == raw for raw in (11, 13, 0, 10)], [0, 1, 2, 3], 255)
    assert np.array_equal(labels, expected) and np.array_equal(instances, rgb[..., 1] * 256 + rgb[..., 2])


def test_kitti_step_through_the_registry(root):
    args = dataset_args(root, pipeline=TRAIN, type='KITTISTEPDataset')
    args.pop('metainfo')
    dataset = DATASETS.build(args)
    assert isinstance(dataset, KITTISTEPDataset) and dataset.metainfo['name'] == 'kitti_step'
    frame = dataset[DrawIndex(0, 0)]['data_samples'][0]
    assert frame.gt_instances.labels.tolist() == [0, 1]
    assert set(frame.gt_sem_seg.sem_seg.unique().tolist()) == {0, 1, 2, 12, 255}


def loader(root, num_workers: int = 0, **sampler):
    return Runner.build_dataloader(
        dict(
            dataset=dataset_args(root, pipeline=AUGMENT, type='BaseVideoPanopticDataset'),
            sampler=dict(type='ClipSampler', **sampler),
            batch_size=2,
            num_workers=num_workers,
        ),
        seed=7,
    )


def same_batches(a: list[dict], b: list[dict]) -> bool:
    return len(a) == len(b) and all(
        torch.equal(p, q) for x, y in zip(a, b, strict=True) for p, q in zip(x['inputs'], y['inputs'], strict=True)
    )


def test_workers_do_not_change_the_data(root):
    alone = list(loader(root))
    assert len(alone) == 5 and same_batches(alone, list(loader(root, num_workers=2)))


def test_training_resumes_at_the_next_batch(root):
    """mmengine's iteration-based loop winds a loader forward by its sampler's ``skip``."""
    whole = list(itertools.islice(_InfiniteDataloaderIterator(loader(root, infinite=True)), 9))
    resumed = _InfiniteDataloaderIterator(loader(root, infinite=True))
    resumed.skip_iter(6)
    rest = list(itertools.islice(resumed, 3))
    assert same_batches(rest, whole[6:]) and not same_batches(rest, whole[:3])


class TestBadInput:
    def test_missing_label_file(self, root):
        (root / 'panoptic_maps/train/0000/000003.png').unlink()
        with pytest.raises(FileNotFoundError, match='10 images .* 9 label files .* label file missing for 0000/000003'):
            BaseVideoPanopticDataset(**dataset_args(root))

    def test_missing_frame(self, root):
        (root / 'images/train/0010/000001.png').unlink()
        with pytest.raises(FileNotFoundError, match='9 images .* image file missing for 0010/000001'):
            BaseVideoPanopticDataset(**dataset_args(root))

    def test_missing_sequence_of_labels(self, root):
        shutil.rmtree(root / 'panoptic_maps/train/0000')
        with pytest.raises(FileNotFoundError, match='label file missing for 0000/000000, .*0000/000004'):
            BaseVideoPanopticDataset(**dataset_args(root))

    def test_sequence_without_frames(self, root):
        (root / 'images/train/0001').mkdir()
        with pytest.raises(FileNotFoundError, match='images/train/0001: sequence without frames'):
            BaseVideoPanopticDataset(**dataset_args(root))

    def test_missing_or_empty_folder(self, root):
        with pytest.raises(FileNotFoundError, match='images/test: no such folder; check data_root'):
            BaseVideoPanopticDataset(**dataset_args(root, 'test'))
        (root / 'images/test').mkdir()
        with pytest.raises(FileNotFoundError, match='no sequence folders in it'):
            BaseVideoPanopticDataset(**dataset_args(root, 'test'))

    def test_two_files_for_one_frame(self, root):
        shutil.copy(root / 'images/train/0000/000000.png', root / 'images/train/0000/000000.jpg')
        with pytest.raises(ValueError, match='two files for one frame'):
            BaseVideoPanopticDataset(**dataset_args(root))

    def test_frame_vanishes_after_the_start(self, root):
        dataset = BaseVideoPanopticDataset(**dataset_args(root, pipeline=TEST, test_mode=True))
        (root / 'images/train/0000/000001.png').unlink()
        with pytest.raises(FileNotFoundError, match='0000/000001.png'):
            dataset[1]

    def test_unknown_arguments(self, root):
        with pytest.raises(TypeError, match='ann_file'):
            BaseVideoPanopticDataset(**dataset_args(root), ann_file='x.json')
        with pytest.raises(ValueError, match=r"unknown keys \['depth'\]"):
            BaseVideoPanopticDataset(data_prefix=dict(img='a', seg='b', depth='c'), metainfo=METAINFO)
        with pytest.raises(ValueError, match="layout must be one of .* got 'flat'"):
            BaseVideoPanopticDataset(**dataset_args(root), layout='flat')
        with pytest.raises(ValueError, match='metainfo lacks classes'):
            BaseVideoPanopticDataset(**dataset_args(root) | dict(metainfo=None))


class SparseDataset(BaseVideoPanopticDataset):
    """Frames 0 and 3 of the first video and none of the second are labelled."""

    def load_data_list(self):
        videos = super().load_data_list()
        for video, kept in zip(videos, ((0, 3), (), None), strict=True):
            if kept is not None:
                video['labelled'] = [t in kept for t in range(video['video_length'])]
                video['seg_map_paths'] = [p if t in kept else None for t, p in enumerate(video['seg_map_paths'])]
        return videos


class TestSparseLabels:
    def test_key_frames_are_labelled(self, root):
        dataset = SparseDataset(**dataset_args(root, pipeline=TRAIN))
        assert len(dataset) == 6 and dataset.num_videos == 3
        keys = [(dataset.get_data_info(n)['video_id'], dataset.get_data_info(n)['key_frame']) for n in range(6)]
        assert keys == [('0000', 0), ('0000', 3), ('0010', 0), ('0010', 1), ('0010', 2), ('0010', 3)]
        clip = dataset[DrawIndex(0, 1)]['data_samples']
        assert [frame.frame_id for frame in clip] == [0, 3] and clip[1].labelled

    def test_all_frames_are_tested(self, root):
        dataset = SparseDataset(**dataset_args(root, pipeline=TEST, test_mode=True))
        assert len(dataset) == 10
        frames = dataset[WindowIndex(0, 0, 5, 0)]['data_samples']
        assert ['gt_panoptic_seg' in frame for frame in frames] == [True, False, False, True, False]
        assert [frame.labelled for frame in frames] == [True, False, False, True, False]


def test_name_is_not_taken_for_a_file(root, monkeypatch):
    monkeypatch.chdir(root)
    (root / 'tiny').mkdir()
    assert BaseVideoPanopticDataset(**dataset_args(root)).metainfo['name'] == 'tiny'


def test_encoding_is_an_argument(root):
    with pytest.raises(ValueError, match=r"seg_encoding must be one of \('step', .*'labels'.* got 'rgb'"):
        BaseVideoPanopticDataset(**dataset_args(root, seg_encoding='rgb'))
    dataset = BaseVideoPanopticDataset(**dataset_args(root, pipeline=TEST, test_mode=True, seg_encoding='labels'))
    with pytest.raises(ValueError, match='image mode is RGB, expected L or P'):
        dataset[0]
