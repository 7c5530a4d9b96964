"""What the presets promise, measured on sampled scenes."""

import numpy as np
import pytest

from videoseg.datasets.synthetic import get_preset, sample_scene
from videoseg.datasets.synthetic.presets import CLASSES, VOID
from videoseg.datasets.synthetic.scene_preset import GENERATOR_VERSION


def content(scene, times=(0, 3)):
    frames = [scene.render(t) for t in times]
    return [np.concatenate([f.image, f.raw_map[..., None], f.instance_map[..., None]], axis=-1) for f in frames]


def test_same_arguments_same_scene_in_any_order():
    preset = get_preset('quickstart')
    first, again = sample_scene(preset, 5, 'train', 2), sample_scene(preset, 5, 'train', 2)
    later_frame_first = again.render(3)
    np.testing.assert_array_equal(content(first)[1][..., :3], later_frame_first.image)
    np.testing.assert_array_equal(content(first), content(again))


@pytest.mark.parametrize(
    ('name', 'raw_ids', 'full_area', 'visible_area', 'color'),
    [
        (
            'quickstart',
            [5, 4, 3],
            [2079.0, 3503.8, 2816.4],
            [2070, 0, 2699],
            [144.2, 124.6, 129.7],
        ),
        (
            'occlusion',
            [3, 3, 3, 3, 3, 4, 5, 3, 3, 5, 3, 3, 3, 3],
            [
                948.3,
                1452.5,
                778.5,
                1231.6,
                1769.2,
                1150.9,
                1681.4,
                6629.1,
                3348.5,
                1988.9,
                4404.5,
                2602.9,
                1965.9,
                1571.1,
            ],
            [0, 846, 0, 214, 24, 1140, 1675, 6612, 0, 1972, 0, 148, 0, 614],
            [120.5, 110.8, 119.3],
        ),
    ],
)
def test_scenes_are_those_of_this_generator_version(name, raw_ids, full_area, visible_area, color):
    """When this fails after a change on purpose: raise ``GENERATOR_VERSION``, then record the new numbers."""
    assert GENERATOR_VERSION == 2
    scene = sample_scene(get_preset(name), 0, 'train', 0)
    frame = scene.render(0)
    assert scene.object_raw_ids.tolist() == raw_ids
    np.testing.assert_allclose(frame.full_area, full_area, atol=0.1)
    np.testing.assert_allclose(frame.visible_area, visible_area, atol=5)
    np.testing.assert_allclose(frame.image.mean(axis=(0, 1)), color, atol=0.5)


@pytest.mark.parametrize('other', [(6, 'train', 2), (5, 'val', 2), (5, 'train', 3)])
def test_seed_split_and_index_change_the_scene(other):
    preset = get_preset('quickstart', val_frames=12)
    images = [c[..., :3] for c in (content(sample_scene(preset, *a))[0] for a in ((5, 'train', 2), other))]
    assert (images[0] != images[1]).mean() > 0.5


def test_number_of_sequences_is_irrelevant():
    few, many = get_preset('quickstart', num_train=1), get_preset('quickstart', num_train=500)
    np.testing.assert_array_equal(content(sample_scene(few, 0, 'train', 0)), content(sample_scene(many, 0, 'train', 0)))


@pytest.fixture(scope='module')
def hard_statistics():
    preset = get_preset('occlusion')
    return [sample_scene(preset, 11, 'train', index).statistics() for index in range(10)]


def test_occlusion_always_shows_at_least_four_things(hard_statistics):
    assert min(s.things_per_frame(20).min() for s in hard_statistics) >= 4


def test_occlusion_hides_at_least_three_tracks_in_ten(hard_statistics):
    shares = [s.hidden_tracks.sum() / s.tracks.sum() for s in hard_statistics]
    assert min(shares) >= 0.3
    tracks = sum(s.tracks.sum() for s in hard_statistics)
    assert sum(s.hidden_tracks.sum() for s in hard_statistics) / tracks >= 0.4
    assert sum(s.reappearing_tracks.sum() for s in hard_statistics) / tracks >= 0.15


def test_tracks_enter_leave_and_change_size(hard_statistics):
    assert sum(s.entering.sum() for s in hard_statistics) >= 20
    assert sum(s.leaving.sum() for s in hard_statistics) >= 20
    changes = np.concatenate([s.scale_change for s in hard_statistics])
    assert np.median(changes) > 1.5
    assert all(s.tracks.all() for s in hard_statistics), 'objects that are never seen must not take an id'


@pytest.fixture(scope='module')
def easy_scenes():
    preset = get_preset('quickstart')
    return [sample_scene(preset, 0, split, index) for split, n in (('train', 16), ('val', 6)) for index in range(n)]


def test_quickstart_is_small_but_not_trivial(easy_scenes):
    statistics = [scene.statistics() for scene in easy_scenes]
    things = np.concatenate([s.things_per_frame(20) for s in statistics])
    assert things.min() >= 2
    assert 2.5 <= things.mean() <= 4
    tracks = sum(s.tracks.sum() for s in statistics)
    assert 0.08 < sum(s.hidden_tracks.sum() for s in statistics) / tracks < 0.4
    assert sum(s.entering.sum() for s in statistics) > 0.15 * tracks
    assert sum(s.leaving.sum() for s in statistics) > 0.15 * tracks
    raw_ids = np.concatenate([scene.object_raw_ids for scene in easy_scenes])
    assert np.bincount(raw_ids, minlength=6)[3:].min() > 0.15 * len(raw_ids)


def segment_colors(scenes):
    """Mean colour and raw class of the segments of three frames of each scene."""
    colors, labels = [], []
    for scene in scenes:
        for time in np.linspace(0, scene.num_frames - 1, 3).astype(int):
            frame = scene.render(time)
            ids = frame.raw_map.astype(int) * 65536 + frame.instance_map
            for segment in np.unique(ids):
                mask = ids == segment
                if segment // 65536 != VOID and mask.sum() >= 80:
                    colors.append(frame.image[mask].mean(axis=0))
                    labels.append(segment // 65536)
    return np.array(colors), np.array(labels)


def test_classes_are_not_separable_by_mean_color(easy_scenes):
    """Chance is 1/6 (balanced over classes); the nearest mean must stay below 0.35 on held out scenes."""
    colors, labels = segment_colors(easy_scenes[:16])
    held_colors, held_labels = segment_colors(easy_scenes[16:])
    means = np.stack([colors[labels == c].mean(axis=0) for c in range(len(CLASSES))])
    for reference, classes in ((means, np.arange(len(CLASSES))), (colors, labels)):
        nearest = ((held_colors[:, None] - reference) ** 2).sum(-1).argmin(1)
        right = classes[nearest] == held_labels
        balanced = np.mean([right[held_labels == c].mean() for c in np.unique(held_labels)])
        assert balanced < 0.35
    spread = np.linalg.norm(means - means.mean(axis=0), axis=1).max()
    assert spread < 0.7 * np.linalg.norm(colors.std(axis=0)), 'class means lie within the spread of one class'


def test_frames_have_every_stuff_class_some_void_and_some_crowd(easy_scenes):
    maps = [(f.raw_map, f.instance_map) for f in (scene.render(0) for scene in easy_scenes)]
    raw = np.stack([m[0] for m in maps])
    crowd = np.stack([(m[0] >= 3) & (m[0] != VOID) & (m[1] == 0) for m in maps])
    assert np.bincount(raw.ravel(), minlength=6)[:3].min() > 0.1 * raw.size
    assert 0.001 < (raw == VOID).mean() < 0.1
    assert 0 < crowd.any(axis=(1, 2)).mean() < 0.6
    assert crowd.mean() < 0.05


def test_void_and_crowd_are_optional():
    preset = get_preset('quickstart', void_patches=(0, 0), void_band_prob=0.0, crowd_prob=0.0)
    for index in range(4):
        frame = sample_scene(preset, 0, 'train', index).render(0)
        assert frame.raw_map.max() <= 5
        np.testing.assert_array_equal(frame.raw_map >= 3, frame.instance_map > 0)


def test_lookalikes_share_class_and_colors():
    """With look-alikes throughout, the objects of a scene are of one class and nearly one colour."""
    preset = get_preset('quickstart', lookalike_prob=1.0, lookalike_jitter=0.01)
    scene = sample_scene(preset, 0, 'train', 0)
    assert scene.num_objects >= 2
    assert len(np.unique(scene.object_raw_ids)) == 1
    pictures = [i.sprite.levels[0] for i in scene.items if i.instance]
    means = np.array([color[alpha > 0.5].mean(axis=0) for color, alpha in pictures])
    assert np.ptp(means, axis=0).max() < 12


@pytest.mark.parametrize('frames', [1, 2, 60])
def test_any_length(frames):
    preset = get_preset('quickstart', train_frames=frames)
    assert sample_scene(preset, 0, 'train', 0).render(frames - 1).image.shape == (128, 256, 3)


@pytest.mark.parametrize('size', [(32, 32), (97, 61), (64, 300)])
def test_any_size(size):
    preset = get_preset('quickstart', size=size, min_things=0)
    frame = sample_scene(preset, 0, 'val', 0).render(15)
    assert frame.image.shape == (*size, 3)
    assert frame.image.dtype == frame.raw_map.dtype == np.uint8
    assert frame.instance_map.shape == size


def test_bad_arguments():
    preset = get_preset('quickstart')
    with pytest.raises(ValueError, match="'test'"):
        sample_scene(preset, 0, 'test', 0)
    with pytest.raises(ValueError, match='-1'):
        sample_scene(preset, -1, 'train', 0)
    with pytest.raises(ValueError, match='-2'):
        sample_scene(preset, 0, 'train', -2)


def test_unreachable_guarantee_says_so():
    preset = get_preset('quickstart', size=(32, 32), train_frames=2, slots=(1, 1), min_things=30)
    with pytest.raises(RuntimeError, match="'quickstart', seed 0, train sequence 7.*30 things"):
        sample_scene(preset, 0, 'train', 7)
