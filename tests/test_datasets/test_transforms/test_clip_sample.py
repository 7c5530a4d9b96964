from collections import Counter

import numpy as np
import pytest

from videoseg.datasets import SampleRejected
from videoseg.datasets.transforms import ClipSample


def video(key_frame, length):
    return dict(
        video_id='v',
        video_length=length,
        img_paths=[f'{t}.png' for t in range(length)],
        seg_map_paths=None,
        label_map='map',
        key_frame=key_frame,
    )


def drawn(transform, key_frame, length):
    return transform(video(key_frame, length))['frame_id']


def test_everything_is_a_list_of_frames():
    clip = ClipSample()(video(3, 9))
    assert clip['frame_id'][0] == 3 and clip['img_path'] == [f'{t}.png' for t in clip['frame_id']]
    assert {len(values) for values in clip.values()} == {2}
    assert clip['video_length'] == [9, 9] and clip['seg_map_path'] == [None, None]


def test_offsets_are_drawn_evenly():
    counts = Counter(drawn(ClipSample(offsets=(-2, -1, 1, 2)), 10, 20)[1] - 10 for _ in range(400))
    assert set(counts) == {-2, -1, 1, 2} and min(counts.values()) > 60


@pytest.mark.parametrize(('key', 'allowed'), [(0, {1, 2}), (1, {0, 2, 3}), (4, {2, 3}), (2, {0, 1, 3, 4})])
def test_other_offsets_at_the_border(key, allowed):
    assert {drawn(ClipSample(border='reject'), key, 5)[1] for _ in range(60)} == allowed


def test_references_are_drawn_without_replacement():
    for _ in range(30):
        assert sorted(drawn(ClipSample(num_refs=4), 2, 5)) == [0, 1, 2, 3, 4]


def test_missing_partners():
    assert drawn(ClipSample(), 0, 1) == [0, 0]
    assert drawn(ClipSample(num_refs=3), 0, 2) == [0, 1, 0, 0]
    for count, key, length in ((1, 0, 1), (3, 0, 2)):
        with pytest.raises(SampleRejected, match=f'around frame {key} of a video of {length} frames'):
            drawn(ClipSample(num_refs=count, border='reject'), key, length)


def test_single_frames():
    assert drawn(ClipSample(num_refs=0, border='reject'), 4, 5) == [4]


def test_consecutive_frames():
    assert drawn(ClipSample(consecutive=3), 1, 6) == [1, 2, 3]
    assert drawn(ClipSample(consecutive=3), 5, 6) == [3, 4, 5]
    assert drawn(ClipSample(consecutive=3, stride=2), 4, 9) == [4, 6, 8]
    assert drawn(ClipSample(consecutive=4), 1, 2) == [0, 1, 1, 1]
    with pytest.raises(SampleRejected, match='2 frames too few'):
        drawn(ClipSample(consecutive=4, border='reject'), 1, 2)


def test_same_seed_same_frames():
    def draws():
        np.random.seed(4)
        return [drawn(ClipSample(), 5, 20) for _ in range(10)]

    assert draws() == draws()


def test_bad_arguments():
    with pytest.raises(ValueError, match='offsets must be different and not 0'):
        ClipSample(offsets=(0, 1))
    with pytest.raises(ValueError, match=r'num_refs must be in \[0, 2\]'):
        ClipSample(offsets=(-1, 1), num_refs=3)
    with pytest.raises(ValueError, match='at least 1'):
        ClipSample(consecutive=0)
    with pytest.raises(ValueError, match="'repeat' or 'reject'"):
        ClipSample(border='wrap')
    with pytest.raises(KeyError, match='no key_frame'):
        ClipSample()(dict(img_path=['a']))


def sparse(key_frame, labelled):
    return video(key_frame, 12) | dict(labelled=[t in labelled for t in range(12)])


def test_only_labelled_frames_of_sparse_labels():
    """Every fifth frame is labelled: the neighbours of a frame are five frames away."""
    pairs = {tuple(ClipSample(offsets=(-1, 1))(sparse(5, (0, 5, 10)))['frame_id']) for _ in range(40)}
    assert pairs == {(5, 0), (5, 10)}
    assert ClipSample(consecutive=3)(sparse(0, (0, 5, 10)))['frame_id'] == [0, 5, 10]
    assert ClipSample(num_refs=0)(sparse(6, (0, 5, 10)))['frame_id'] == [5]  # the nearest
    clip = ClipSample(offsets=(1,), num_refs=1)(sparse(0, (0, 5)))
    assert clip['labelled'] == [True, True] and clip['video_length'] == [12, 12]


def test_no_labels_at_all():
    with pytest.raises(ValueError, match='video v: none of its 12 frames is labelled'):
        ClipSample()(sparse(0, ()))
