import pytest

from videoseg.evaluation.functional import FrameSet
from videoseg.evaluation.functional.open_video import OpenVideo


def test_state_of_the_frame_before():
    video, frames = OpenVideo(), FrameSet()
    assert video.before('a', 0, frames) is None
    video.after('a', 0, 'state 0')
    frames.add(0)
    assert video.before('a', 4, frames) == 'state 0'  # frames without ground truth may lie in between


def test_frames_out_of_order_are_refused():
    video = OpenVideo()
    video.after('a', 5, 'state')
    with pytest.raises(ValueError, match="video 'a', frame 3: came after frame 5.*in time order"):
        video.before('a', 3, FrameSet([5]))


def test_frames_counted_elsewhere_are_refused():
    video = OpenVideo()
    video.after('a', 1, 'state')
    video.after('b', 0, 'other')
    with pytest.raises(ValueError, match="video 'a', frame 2: frame 1 is not the one that came before it here"):
        video.before('a', 2, FrameSet([0, 1]))
    video.after('c', 1, 'state')
    with pytest.raises(ValueError, match="video 'c', frame 3: frame 2 is not the one"):
        video.before('c', 3, FrameSet([0, 1, 2]))
    video.close()
    with pytest.raises(ValueError, match="video 'c', frame 2"):
        video.before('c', 2, FrameSet([0, 1]))
