import numpy as np
import pytest

from tests.test_datasets.step_files import thing_ids
from videoseg.datasets import SampleRejected
from videoseg.datasets.transforms import ClipCrop
from videoseg.structures.ids import VOID_ID, encode_ids

STUFF = encode_ids(2, 0)


def clip(*maps, image=None):
    images = [np.arange(m.size * 3).reshape(*m.shape, 3) if image is None else image for m in maps]
    return dict(
        img=images,
        gt_seg_map=list(maps),
        img_shape=[m.shape for m in maps],
        img_path=[f'{t}.png' for t in range(len(maps))],
    )


def objects(size=(20, 30), **places):
    """Stuff with instances ``i<n>=(row, column)`` of 2 x 2 pixels."""
    ids = np.full(size, STUFF, dtype=np.int32)
    for name, (row, column) in places.items():
        ids[row : row + 2, column : column + 2] = encode_ids(0, int(name[1:]))
    return ids


def test_one_place_for_all_frames():
    positions = np.arange(600, dtype=np.int32).reshape(20, 30)
    corners = set()
    for _ in range(20):
        out = ClipCrop((8, 10))(clip(positions, positions.copy()))
        a, b = out['gt_seg_map']
        assert a.shape == (8, 10) and np.array_equal(a, b) and out['img_shape'] == [(8, 10)] * 2
        assert np.array_equal(out['img'][0][..., 0], a * 3) and np.array_equal(out['img'][1][..., 0], a * 3)
        assert out['img'][0].flags['C_CONTIGUOUS'] and a.flags['C_CONTIGUOUS']
        corners.add(int(a[0, 0]))
    assert len(corners) > 10


def test_every_place_can_be_drawn():
    positions = np.arange(12, dtype=np.int32).reshape(3, 4)
    corners = {int(ClipCrop((2, 2))(clip(positions))['gt_seg_map'][0][0, 0]) for _ in range(200)}
    assert corners == {0, 1, 2, 4, 5, 6}


def test_small_frames_keep_their_size():
    out = ClipCrop((50, 10))(clip(objects(), objects()))
    assert out['img_shape'] == [(20, 10)] * 2
    whole = ClipCrop((50, 50))(clip(objects(), objects()))
    assert whole['img'][0].shape == (20, 30, 3) and whole['img_shape'] == [(20, 30)] * 2


def test_drawn_again_until_key_frame_has_an_instance():
    lone = objects(i5=(18, 28))
    without = [ClipCrop((10, 10), keep_instances=False)(clip(lone))['gt_seg_map'][0] for _ in range(30)]
    assert not all(thing_ids(m) for m in without)
    for _ in range(30):
        assert thing_ids(ClipCrop((10, 10), max_tries=200)(clip(lone))['gt_seg_map'][0])


def test_drawn_again_until_frames_share_an_id():
    key, ref = objects(i5=(1, 1), i6=(18, 28)), objects(i5=(18, 1), i6=(17, 27))
    for _ in range(30):
        out = ClipCrop((9, 10), max_tries=500)(clip(key, ref))['gt_seg_map']
        assert thing_ids(out[0]) & thing_ids(out[1]) == {encode_ids(0, 6)}


def test_frames_without_objects():
    nothing, void = objects(), np.full((20, 30), VOID_ID, dtype=np.int32)
    for maps in ((nothing, nothing), (void, void), (objects(i1=(3, 3)), nothing)):
        out = ClipCrop((10, 10))(clip(*maps))
        assert [m.shape for m in out['gt_seg_map']] == [(10, 10)] * 2
        with pytest.raises(SampleRejected, match='no crop of 10 keeps an instance'):
            ClipCrop((10, 10), on_fail='reject')(clip(*maps))


def test_what_is_there_is_kept_though_the_other_frame_is_empty():
    for _ in range(20):
        out = ClipCrop((10, 10), max_tries=300)(clip(objects(i1=(18, 28)), objects()))
        assert thing_ids(out['gt_seg_map'][0])


def test_crowd_is_no_instance():
    crowd = np.full((20, 30), encode_ids(1, 0), dtype=np.int32)
    with pytest.raises(SampleRejected):
        ClipCrop((10, 10), on_fail='reject')(clip(crowd))


def test_no_class_fills_the_crop():
    """mmseg's ``cat_max_ratio``: void does not count, and whole images of one class are cropped all the same."""
    halves = np.full((20, 30), encode_ids(1, 0), dtype=np.int32)
    halves[:, 15:] = encode_ids(2, 0)
    halves[:, 20:] = VOID_ID
    options = dict(keep_instances=False, keep_shared_ids=False, max_tries=300)

    def largest_share(**kwargs):
        labels = ClipCrop((8, 8), **options, **kwargs)(clip(halves))['gt_seg_map'][0] // encode_ids(1, 0)
        counts = np.bincount(labels[labels < 255].ravel(), minlength=1)
        return counts.max() / max(counts.sum(), 1)

    assert max(largest_share(max_class_share=0.75) for _ in range(30)) < 0.75
    assert max(largest_share() for _ in range(30)) == 1
    assert ClipCrop((8, 8), **options, max_class_share=0.75)(clip(objects()))['img_shape'] == [(8, 8)]
    with pytest.raises(SampleRejected, match='and a mix of classes'):
        ClipCrop((8, 8), **options, max_class_share=0.75, on_fail='reject')(clip(objects()))


def test_own_place_a_frame():
    positions = np.arange(600, dtype=np.int32).reshape(20, 30)
    smaller = np.arange(144, dtype=np.int32).reshape(9, 16)
    out = [ClipCrop((8, 10), share_offset=False, max_tries=1)(clip(positions, smaller)) for _ in range(10)]
    assert all(o['img_shape'] == [(8, 10), (8, 10)] for o in out)
    assert len({tuple(int(m[0, 0]) for m in o['gt_seg_map']) for o in out}) > 5


def test_errors():
    with pytest.raises(ValueError, match=r'1.png: frame of size \(9, 16\) in a clip of \(20, 30\)'):
        ClipCrop((8, 10))(clip(objects(), objects((9, 16))))
    with pytest.raises(ValueError, match='LoadPanopticMap stands before Resize'):
        ClipCrop((8, 10))(clip(objects(), image=np.zeros((5, 5, 3))))
    unlabelled = clip(objects()) | dict(gt_seg_map=[None])
    with pytest.raises(ValueError, match='0.png: this frame has no labels'):
        ClipCrop((8, 10))(unlabelled)
    for wrong, message in ((dict(crop_size=(0, 4)), 'crop_size'), (dict(crop_size=(4, 4), max_tries=0), 'max_tries')):
        with pytest.raises(ValueError, match=message):
            ClipCrop(**wrong)
    with pytest.raises(ValueError, match='max_class_share must be in'):
        ClipCrop((4, 4), max_class_share=0.0)
    with pytest.raises(ValueError, match="'keep' or 'reject'"):
        ClipCrop((4, 4), on_fail='pad')
