import numpy as np
import pytest

from tests.test_datasets.vis_files import SIZE, box
from videoseg.datasets.frame_instance import FrameInstance
from videoseg.datasets.transforms import LoadInstanceTracks
from videoseg.datasets.transforms.load_instance_tracks import paint_instances
from videoseg.structures.ids import VOID_ID, encode_ids
from videoseg.structures.rle import encode_masks


def instance(number, mask, label=0, is_crowd=False, occlusion=float('nan')):
    (rle,) = encode_masks(mask[None])
    return FrameInstance(number, label, is_crowd, rle, float(mask.sum()), occlusion)


def load(instances, as_map=True, size=SIZE):
    return LoadInstanceTracks(as_map)(dict(instances=instances, img_path='a/0.jpg', ori_shape=size))


@pytest.mark.parametrize('order', [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_smaller_above_larger_above_crowd(order):
    things = [
        instance(1, box(2, 2, 4, 4)),
        instance(2, box(0, 0, 8, 8), label=1),
        instance(3, box(3, 3, 1, 1), is_crowd=True),
    ]
    ids = load([things[i] for i in order])['gt_seg_map']
    wanted = np.full(SIZE, VOID_ID)
    wanted[box(0, 0, 8, 8)] = encode_ids(1, 2)
    wanted[box(2, 2, 4, 4)] = encode_ids(0, 1)  # covers the crowd, though that is smaller
    assert ids.dtype == np.int32 and np.array_equal(ids, wanted)


def test_of_equal_ones_the_later_wins():
    ids = load([instance(1, box(0, 0, 2, 2)), instance(2, box(0, 0, 2, 2))])['gt_seg_map']
    assert set(np.unique(ids)) == {VOID_ID, 2}


def test_nothing_in_the_frame():
    assert (load([])['gt_seg_map'] == VOID_ID).all()
    tracks = load([], as_map=False)['gt_tracks']
    assert tracks['masks'] == [] and tracks['ids'].shape == (0,) and tracks['occlusion'] is None


def test_exact_truth():
    tracks = load([instance(3, box(0, 0, 9, 9)), instance(1, box(2, 2, 4, 4), 1, True, 0.25)], as_map=False)[
        'gt_tracks'
    ]
    assert tracks['ids'].tolist() == [3, 1] and tracks['labels'].tolist() == [0, 1]
    assert tracks['is_crowd'].tolist() == [False, True] and tracks['areas'].tolist() == [81.0, 16.0]
    assert np.isnan(tracks['occlusion'][0]) and tracks['occlusion'][1] == 0.25


def test_no_annotations():
    assert load(None, as_map=False)['gt_tracks'] is None
    with pytest.raises(ValueError, match='a/0.jpg: the data set has no annotations for it'):
        load(None)


def test_other_image_size():
    with pytest.raises(
        ValueError, match=r'a/0.jpg: the image has size \(6, 8\) \(H, W\), but the json tells \(12, 16\)'
    ):
        load([instance(1, box(0, 0, 2, 2))], size=(6, 8))


def test_number_beyond_the_codec():
    with pytest.raises(ValueError, match='frame 3: track number 65536 of its video'):
        paint_instances([instance(65536, box(0, 0, 2, 2))], SIZE, 'frame 3')
    assert paint_instances([instance(65535, box(0, 0, 2, 2), 1)], SIZE, '')[0, 0] == encode_ids(1, 65535)
