"""Clips from still images: maps follow images, ids stay, occluders are tracked, all of it a function of the seed."""

import numpy as np
import pytest
import torch

from tests.test_datasets import vis_files
from tests.test_datasets.step_files import LOAD, METAINFO, broadcast, scene, write_dataset
from tests.test_datasets.still_images import SIZE, still_args, write_stills
from videoseg.datasets import BaseVideoInstanceDataset, BaseVideoPanopticDataset
from videoseg.datasets.samplers import DrawIndex
from videoseg.datasets.transforms import PseudoClip
from videoseg.structures.ids import DIVISOR, MAX_INSTANCE, VOID_ID, decode_ids

FILL = (3.0, 2.0, 1.0)
RAW = np.array([11, 13, 0, 10] + [255] * 252)
STRONG = dict(max_translation=0.15, max_rotation=12.0, max_scale=0.15, max_shear=6.0)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Four images."""
    return write_stills(tmp_path_factory.mktemp('stills'))


def occluders(root, **kwargs):
    return dict(type='BaseVideoPanopticDataset', **still_args(root, **kwargs))


def dataset(root, frames=4, after=(), sample=None, **kwargs):
    pipeline = [
        sample or dict(type='ClipSample', consecutive=frames),
        broadcast(*LOAD),
        dict(type='PseudoClip', **dict(fill=FILL) | kwargs),
        *after,
    ]
    return BaseVideoPanopticDataset(**still_args(root, pipeline=pipeline))


def pasting(root, **kwargs):
    return dict(occluders=occluders(root), min_object_area=100, **kwargs)


def coloured(ids):
    """What the image of a map looks like, BGR."""
    labels, instances = decode_ids(ids)
    image = np.stack([instances % 256, instances // 256, RAW[labels]], axis=-1).astype(np.uint8)
    image[ids == VOID_ID] = FILL
    return image


def instances_of(ids):
    return set(np.unique(ids[(ids & MAX_INSTANCE) > 0]).tolist())


def test_it_looks_like_a_video(root):
    clip = dataset(root)[DrawIndex(2, 0)]
    assert {len(values) for values in clip.values()} == {4}
    assert clip['frame_id'] == [0, 1, 2, 3] and clip['video_length'] == [4] * 4 and clip['window_start'] == [0] * 4
    assert {m.shape for m in clip['gt_seg_map']} == {SIZE} and {m.dtype.name for m in clip['gt_seg_map']} == {'int32'}
    assert {i.shape for i in clip['img']} == {(*SIZE, 3)} and {i.dtype.name for i in clip['img']} == {'uint8'}
    assert all(not np.array_equal(clip['img'][0], image) for image in clip['img'][1:])


@pytest.mark.parametrize('seed', range(6))
def test_maps_follow_images(root, seed):
    """The first frame is the image itself; the others have the colours of their ids wherever colours are unmixed."""
    clip = dataset(root, motion=STRONG)[DrawIndex(seed % 4, seed)]
    assert np.array_equal(clip['img'][0], coloured(clip['gt_seg_map'][0]))
    colours = np.unique(coloured(clip['gt_seg_map'][0]).reshape(-1, 3), axis=0).tolist() + [list(FILL)]
    for image, ids in zip(clip['img'], clip['gt_seg_map'], strict=True):
        pure = np.any([(image == colour).all(-1) for colour in colours], axis=0)
        assert pure.mean() > 0.7 and np.array_equal(image[pure], coloured(ids)[pure])


def test_ids_stay_and_no_others_appear(root):
    for seed in range(20):
        clip = dataset(root, motion=STRONG)[DrawIndex(seed % 4, seed)]
        first = set(np.unique(clip['gt_seg_map'][0]).tolist())
        assert first == {DIVISOR + 200 + seed % 4, 7, 2 * DIVISOR, 3 * DIVISOR}
        for ids in clip['gt_seg_map'][1:]:
            assert set(np.unique(ids).tolist()) <= first | {VOID_ID}
            assert DIVISOR + 200 + seed % 4 in ids  # the car lies too near to the middle to leave


def test_void_where_the_image_has_left(root):
    """Two frames, one step: the void share grows with the bound of the step, and has the colour of the padding."""
    shares = []
    for bound in (0.0, 0.1, 0.4):
        bounds = dict(max_translation=bound, max_rotation=0, max_scale=0, max_shear=0)
        clips = [dataset(root, 2, motion=bounds)[DrawIndex(0, seed)] for seed in range(20)]
        assert not any((clip['gt_seg_map'][0] == VOID_ID).any() for clip in clips)
        shares.append(np.mean([(clip['gt_seg_map'][1] == VOID_ID).mean() for clip in clips]))
        for clip in clips:
            void = clip['gt_seg_map'][1] == VOID_ID
            assert (clip['img'][1][void] == FILL).all()
    assert shares[0] == 0 < shares[1] < 0.2 < shares[2]


def test_nothing_moves_without_motion(root):
    for clip in (dataset(root, 1)[DrawIndex(1, 5)], dataset(root, 3, motion=False)[DrawIndex(1, 5)]):
        still = BaseVideoPanopticDataset(
            **still_args(root, pipeline=[dict(type='ClipSample', num_refs=0), broadcast(*LOAD)])
        )[1]
        for image, ids in zip(clip['img'], clip['gt_seg_map'], strict=True):
            assert np.array_equal(image, still['img'][0]) and np.array_equal(ids, still['gt_seg_map'][0])


def test_same_seed_same_clip_and_the_generators_are_left_alone(root):
    made = dataset(root, **pasting(root))
    np.random.seed(3)
    first = made[DrawIndex(1, 77)]
    state = np.random.get_state()[1].copy()
    made[DrawIndex(0, 5)]
    again = made[DrawIndex(1, 77)]
    assert np.array_equal(np.random.get_state()[1], state)
    other = made[DrawIndex(1, 78)]
    for key in ('img', 'gt_seg_map'):
        assert all(np.array_equal(a, b) for a, b in zip(first[key], again[key], strict=True))
        assert not all(np.array_equal(a, b) for a, b in zip(first[key], other[key], strict=True))


def test_pasted_objects_are_instances_with_numbers_of_their_own(root):
    """Three cars of other images pass; every one has one number in all frames, and the image shows it there."""
    kwargs = pasting(root, num_occluders=(3, 3), motion=False, occluder_size=(0.3, 0.5), aim_prob=0.0)
    moved = 0
    for seed in range(15):
        clip = dataset(root, **kwargs)[DrawIndex(0, seed)]
        new = set().union(*map(instances_of, clip['gt_seg_map'])) - {DIVISOR + 200, 7}
        assert {i % DIVISOR for i in new} <= {1, 2, 3} and {i // DIVISOR for i in new} <= {0, 1}
        assert len(new) == len({i % DIVISOR for i in new})
        for number in new:
            shown = [(ids == number) for ids in clip['gt_seg_map']]
            colours = np.concatenate([image[mask] for image, mask in zip(clip['img'], shown, strict=True)])
            assert len(np.unique(colours, axis=0)) == 1  # objects are flat, and all their pixels come from them
            assert tuple(colours[0]) != (200, 0, 13)  # never from the image itself
            assert colours[0][2] == (13 if number // DIVISOR else 11)
            moved += any(not np.array_equal(shown[0], mask) for mask in shown[1:])
    assert moved > 15


def test_objects_pass_over_instances(root):
    """Aimed at instances they hide pixels of them, far more often than aimed anywhere."""

    def hidden(aim_prob):
        kwargs = pasting(root, num_occluders=(1, 1), motion=False, occluder_size=(0.1, 0.1), aim_prob=aim_prob)
        count = 0
        for seed in range(40):
            maps = dataset(root, 3, **kwargs)[DrawIndex(0, seed)]['gt_seg_map']
            areas = [np.sum((ids == DIVISOR + 200) | (ids == 7)) for ids in maps]
            count += min(areas) < 24 * 16 + 8 * 16
        return count

    assert hidden(1.0) == 40 and hidden(0.0) < 30


def test_where_and_when_objects_pass(root):
    """The middle of an object is on an instance in one frame, which is not always the first one."""
    sideways = dict(max_translation=0.3, max_rotation=0, max_scale=0, max_shear=0)
    kwargs = pasting(root, num_occluders=(1, 1), motion=False, occluder_size=(0.1, 0.1), aim_prob=1.0)
    made = dataset(root, 3, occluder_motion=sideways, **kwargs)
    plain = dataset(root, 1, motion=False)[0]['gt_seg_map'][0]
    on_instance = np.zeros(3, int)
    for seed in range(40):
        meets = []
        for ids in made[DrawIndex(0, seed)]['gt_seg_map']:
            places = np.argwhere(ids != plain).mean(0) if (ids != plain).any() else np.array([-1.0, -1.0])
            rows, columns = (np.unique([np.floor(x), np.ceil(x)]).astype(int) for x in places)
            meets.append((plain[np.ix_(rows, columns)] & MAX_INSTANCE).any() and rows[0] >= 0)
        assert any(meets)
        on_instance += meets
    assert (on_instance >= 13).all() and (on_instance < 36).all()


def test_numbers_that_are_taken_are_skipped(root):
    """The person is number 7."""
    made = dataset(root, 2, motion=False, **pasting(root, num_occluders=(8, 8), occluder_size=(0.05, 0.1)))
    numbers = set()
    for seed in range(10):
        clip = made[DrawIndex(0, seed)]
        numbers |= {i % DIVISOR for ids in clip['gt_seg_map'] for i in instances_of(ids)}
        assert not any(DIVISOR + 7 in ids for ids in clip['gt_seg_map'])
    assert numbers == {*range(1, 10), 200}


def test_void_occluders(root):
    clips = [
        dataset(root, motion=False, **pasting(root, paste_as='void', num_occluders=(2, 2)))[DrawIndex(0, seed)]
        for seed in range(5)
    ]
    assert all(set().union(*map(instances_of, c['gt_seg_map'])) <= {DIVISOR + 200, 7} for c in clips)
    assert all(any((ids == VOID_ID).any() for ids in c['gt_seg_map']) for c in clips)


def test_packed_for_training(root):
    """References after the key frame, crop, pack: the pipeline of videos with one more line."""
    after = [dict(type='ClipCrop', crop_size=(40, 56)), dict(type='PackClipInputs')]
    made = dataset(root, sample=dict(type='ClipSample', num_refs=1), after=after, **pasting(root))
    for seed in range(5):
        item = made[DrawIndex(1, seed)]
        key, ref = item['data_samples'].video_data_samples
        assert item['inputs'].shape == (2, 3, 40, 56) and item['inputs'].dtype == torch.uint8
        assert (key.frame_id, ref.frame_id, ref.video_length) == (0, 1, 2)
        shared = set(key.gt_instances.instances_ids.tolist()) & set(ref.gt_instances.instances_ids.tolist())
        assert shared
        assert all(frame.gt_instances.masks.flatten(1).any(1).all() for frame in (key, ref))


def test_instance_data_sets(tmp_path):
    root = vis_files.write(tmp_path, vis_files.content())
    pipeline = [
        dict(type='ClipSample', num_refs=0),
        broadcast(dict(type='LoadImageFromFile'), dict(type='LoadInstanceTracks')),
        dict(
            type='PseudoClip',
            occluders=dict(type='BaseVideoInstanceDataset', **vis_files.dataset_args(root)),
            min_object_area=4,
        ),
        dict(type='PackClipInputs'),
    ]
    made = BaseVideoInstanceDataset(**vis_files.dataset_args(root, pipeline=pipeline))
    counts = [len(made[DrawIndex(0, seed)]['data_samples'][0].gt_instances) for seed in range(10)]
    assert max(counts) > 1


def test_frames_of_a_video_keep_their_numbers(tmp_path):
    pipeline = [dict(type='ClipSample', consecutive=3), broadcast(*LOAD), dict(type='PseudoClip', motion=False)]
    made = BaseVideoPanopticDataset(
        data_root=str(write_dataset(tmp_path, {'0000': 6})),
        data_prefix=dict(img='images/train', seg='panoptic_maps/train'),
        metainfo=METAINFO,
        pipeline=pipeline,
        serialize_data=False,
    )
    clip = made[DrawIndex(2, 0)]
    assert clip['frame_id'] == [2, 3, 4] and clip['video_length'] == [6] * 3
    assert all(np.array_equal(image[..., ::-1], scene(t)) for t, image in zip(range(2, 5), clip['img'], strict=True))


def test_without_objects_to_paste(root, tmp_path):
    empty = write_stills(tmp_path, with_things=False)
    clip = dataset(root, motion=False, occluders=occluders(empty))[DrawIndex(0, 0)]
    assert all(instances_of(ids) == {DIVISOR + 200, 7} for ids in clip['gt_seg_map'])


@pytest.mark.parametrize(('match', 'kwargs'), [
    ('num_occluders must be', dict(num_occluders=(2, 1))),
    ('occluder_size must be', dict(occluder_size=(0.0, 1.0))),
    ('aim_prob must be', dict(aim_prob=1.5)),
    ("'instances' or 'void'", dict(paste_as='stuff')),
    ('fill must be', dict(fill=(0, 0, 256))),
    ('max_scale must not be negative', dict(motion=dict(max_scale=-1))),
    ('or False for none', dict(motion=True)),
])  # fmt: skip
def test_bad_arguments(match, kwargs):
    with pytest.raises(ValueError, match=match):
        PseudoClip(**kwargs)


def test_unknown_motion():
    with pytest.raises(TypeError, match='max_speed'):
        PseudoClip(motion=dict(max_speed=1))


def test_bad_clips(root):
    image, ids = np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.int32)
    with pytest.raises(KeyError, match='no img; it stands after the TransformBroadcaster'):
        PseudoClip()(dict(img_path=['a.png']))
    with pytest.raises(ValueError, match=r'b.png: this frame has no labels'):
        PseudoClip()(dict(img=[image] * 2, gt_seg_map=[ids, None], img_path=['a.png', 'b.png']))
    with pytest.raises(ValueError, match=r'a.png: image \(4, 6\), panoptic map \(4, 5\)'):
        PseudoClip()(dict(img=[image], gt_seg_map=[ids[:, :5]], img_path=['a.png']))
    with pytest.raises(ValueError, match=r'b.png: frame of size \(3, 6\) in a clip of \(4, 6\)'):
        PseudoClip()(dict(img=[image, image[:3]], gt_seg_map=[ids, ids[:3]], img_path=['a.png', 'b.png']))


def test_occluders_of_other_classes(root):
    other = dict(METAINFO, classes=('person', 'lorry', 'road', 'sky'))
    made = dataset(root, occluders=occluders(root, metainfo=other), min_object_area=100)
    with pytest.raises(ValueError, match=r"000.png: the occluders have 4 classes \(person, lorry.*paste_as='void'"):
        made[DrawIndex(0, 0)]


def test_no_numbers_left(root):
    made = dataset(root, **pasting(root, num_occluders=(1, 1)))
    clip = BaseVideoPanopticDataset(
        **still_args(root, pipeline=[dict(type='ClipSample', num_refs=0), broadcast(*LOAD)])
    )[0]
    crowded = np.arange(65536, dtype=np.int32).reshape(256, 256)
    clip.update(img=[np.zeros((256, 256, 3), np.uint8)], gt_seg_map=[crowded])
    with pytest.raises(ValueError, match='no 1 instance numbers are left'):
        made.pipeline.transforms[-1](clip)
