import itertools

import numpy as np

from videoseg.evaluation.functional import FrameSet


def test_gapless_video_is_one_run():
    frames = FrameSet()
    assert all(frames.add(t) for t in range(1000))
    assert frames.runs == [(0, 1000)] and len(frames) == 1000 and frames.last == 999


def test_add_reports_what_is_new():
    frames = FrameSet([4, 2])
    assert not frames.add(2)
    assert frames.add(3)
    assert frames.runs == [(2, 5)]
    assert 1 not in frames and 2 in frames and 4 in frames and 5 not in frames
    assert FrameSet().last == -1


def test_set_algebra():
    a, b, c = FrameSet([0, 1, 5]), FrameSet([1, 5]), FrameSet([2, 3])
    assert b.issubset(a) and not a.issubset(b) and FrameSet().issubset(b)
    assert a.isdisjoint(c) and not a.isdisjoint(b)
    assert a.union(c) == FrameSet([0, 1, 2, 3, 5])
    assert a.runs == [(0, 2), (5, 6)]  # unchanged


def test_any_order_gives_the_same_runs():
    rng = np.random.default_rng(0)
    for _ in range(20):
        frames = rng.integers(0, 40, 30).tolist()
        frame_set, seen = FrameSet(), set()
        for frame in frames:
            assert frame_set.add(frame) == (frame not in seen)
            seen.add(frame)
            assert [x in frame_set for x in range(-1, 41)] == [x in seen for x in range(-1, 41)]
        assert frame_set == FrameSet(sorted(seen)) and len(frame_set) == len(seen)
        assert all(a[1] < b[0] for a, b in itertools.pairwise(frame_set.runs))
