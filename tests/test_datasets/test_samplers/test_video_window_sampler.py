from collections import Counter

import pytest

from videoseg.datasets.samplers import VideoWindowSampler, WindowIndex


class Videos:
    def __init__(self, lengths):
        self.lengths, self.num_videos = lengths, len(lengths)

    def video_length(self, video):
        return self.lengths[video]


@pytest.fixture
def sampler(monkeypatch):
    def make(lengths, rank=0, world_size=1, **kwargs):
        monkeypatch.setattr('videoseg.datasets.samplers.video_window_sampler.get_dist_info', lambda: (rank, world_size))
        return VideoWindowSampler(Videos(lengths), seed=3, **kwargs)

    return make


def new_frames(windows):
    return [(w.video, t) for w in windows for t in range(w.start + w.overlap, w.stop)]


def test_frame_by_frame(sampler):
    assert list(sampler([2, 1])) == [WindowIndex(0, 0, 1, 0), WindowIndex(0, 1, 2, 0), WindowIndex(1, 0, 1, 0)]


def test_last_window_is_as_short_as_need_be(sampler):
    assert list(sampler([7], window=3)) == [(0, 0, 3, 0), (0, 3, 6, 0), (0, 6, 7, 0)]
    assert list(sampler([7], window=4, overlap=2)) == [(0, 0, 4, 0), (0, 2, 6, 2), (0, 4, 7, 2)]
    assert list(sampler([2, 1], window=5, overlap=3)) == [(0, 0, 2, 0), (1, 0, 1, 0)]


@pytest.mark.parametrize('world_size', [1, 2, 3, 8])
@pytest.mark.parametrize(('window', 'overlap'), [(1, 0), (2, 0), (2, 1), (4, 0), (5, 2), (6, 5), (50, 3)])
def test_every_frame_once_and_in_order(sampler, world_size, window, overlap):
    lengths = [9, 1, 17, 4, 10, 2]
    ranks = [sampler(lengths, r, world_size, window=window, overlap=overlap) for r in range(world_size)]
    shares = [list(rank) for rank in ranks]
    assert [len(r) for r in ranks] == [len(s) for s in shares]
    counts = Counter(frame for share in shares for frame in new_frames(share))
    assert counts == Counter({(v, t): 1 for v, length in enumerate(lengths) for t in range(length)})
    owners = Counter(v for share in shares for v in {w.video for w in share})
    assert set(owners.values()) == {1}
    for share in shares:
        assert new_frames(share) == sorted(new_frames(share))
        assert all(0 <= w.overlap < w.stop - w.start <= window and (w.overlap == 0) == (w.start == 0 or overlap == 0)
                   for w in share)  # fmt: skip


def test_frames_are_balanced(sampler):
    loads = [sum(w.stop - w.start for w in sampler([100, 10, 20, 30, 40], r, 2)) for r in range(2)]
    assert loads == [100, 100]


def test_fewer_videos_than_processes(sampler):
    assert [len(sampler([3, 5], rank, 4)) for rank in range(4)] == [5, 3, 0, 0]
    assert list(sampler([3, 5], 3, 4)) == []


def test_missing_frames_may_be_spread_over_windows(sampler):
    assert list(sampler([10, 3], window=4, policy='balanced')) == [
        *[(0, 0, 4, 0), (0, 4, 7, 0), (0, 7, 10, 0)],
        (1, 0, 3, 0),
    ]
    with pytest.raises(ValueError, match='VideoWindowSampler: policy must be one of'):
        sampler([3], policy='even')


@pytest.mark.parametrize(('window', 'overlap', 'what'), [(0, 0, 'window'), (2, 2, 'overlap'), (3, -1, 'overlap')])
def test_bad_arguments(sampler, window, overlap, what):
    with pytest.raises(ValueError, match=f'VideoWindowSampler: {what} must be'):
        sampler([3], window=window, overlap=overlap)
