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
