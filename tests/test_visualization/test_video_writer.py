"""Pictures to a video file."""

import cv2
import numpy as np
import pytest

from tests.test_visualization.pictures import frames_of
from videoseg.visualization import VideoWriter


def frames(count, size=(48, 64)):
    return [np.full((*size, 3), 20 + 30 * i, np.uint8) for i in range(count)]


@pytest.mark.parametrize('suffix', ['.mp4', '.avi'])
@pytest.mark.parametrize('size, written', [((48, 64), (48, 64)), ((37, 53), (38, 54))])
def test_every_frame_comes_back(tmp_path, suffix, size, written):
    path = tmp_path / 'new' / f'drive{suffix}'
    with VideoWriter(path, fps=5) as writer:
        for frame in frames(6, size):
            writer.write(frame)
        assert not path.exists(), 'the file appears when it is complete'
    read = frames_of(writer.path)
    assert len(read) == 6 and all(frame.shape == (*written, 3) for frame in read)
    for got, expected in zip(read, frames(6, size), strict=True):
        assert abs(int(np.median(got)) - int(expected[0, 0, 0])) <= 6
    reader = cv2.VideoCapture(str(writer.path))
    assert reader.get(cv2.CAP_PROP_FPS) == pytest.approx(5)
    assert sorted(p.name for p in path.parent.iterdir()) == [writer.path.name]


def test_falls_back_to_avi_and_says_so(tmp_path, monkeypatch, caplog):
    real = cv2.VideoWriter

    def without_mp4(path, *args):
        return real('/nonexistent/x.mp4' if path.endswith('.mp4') else path, *args)

    without_mp4.fourcc = real.fourcc
    monkeypatch.setattr(cv2, 'VideoWriter', without_mp4)
    messages = []
    monkeypatch.setattr('videoseg.visualization.video_writer.print_log', lambda text, *_: messages.append(text))
    with VideoWriter(tmp_path / 'drive.mp4') as writer:
        for frame in frames(3):
            writer.write(frame)
    assert writer.path == tmp_path / 'drive.avi' and len(frames_of(writer.path)) == 3
    assert len(messages) == 1 and 'drive.mp4' in messages[0] and 'drive.avi' in messages[0]


def test_another_size_is_refused_and_nothing_is_left(tmp_path):
    path = tmp_path / 'drive.mp4'
    message = r'drive\.mp4: frame 1 has the size \(50, 64\), the video has \(48, 64\)'
    with pytest.raises(ValueError, match=message), VideoWriter(path) as writer:
        writer.write(frames(1)[0])
        writer.write(frames(1, (50, 64))[0])
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_the_older_video(tmp_path):
    path = tmp_path / 'drive.mp4'
    path.write_bytes(b'older')
    with pytest.raises(RuntimeError, match='stop'), VideoWriter(path) as writer:
        writer.write(frames(1)[0])
        raise RuntimeError('stop')
    assert path.read_bytes() == b'older' and len(list(tmp_path.iterdir())) == 1


def test_missing_frames_are_noticed(tmp_path):
    """As on a full disk: OpenCV reports nothing, the count of the finished file does."""
    writer = VideoWriter(tmp_path / 'drive.mp4')
    for frame in frames(3):
        writer.write(frame)
    writer.num_frames += 1
    with pytest.raises(OSError, match=r'drive\.mp4: 3 of 4 frames'):
        writer.close()
    assert list(tmp_path.iterdir()) == []


def test_unwritable_folder_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(OSError, match='file'):
        VideoWriter(tmp_path / 'file' / 'drive.mp4').write(frames(1)[0])


def test_no_frames_no_file(tmp_path):
    with VideoWriter(tmp_path / 'drive.mp4'):
        pass
    assert list(tmp_path.iterdir()) == []


def test_wrong_arguments_are_named(tmp_path):
    with pytest.raises(ValueError, match=r'drive\.gif'):
        VideoWriter(tmp_path / 'drive.gif')
    with pytest.raises(ValueError, match='fps'):
        VideoWriter(tmp_path / 'drive.mp4', fps=0)
    for frame in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3))):
        with pytest.raises(ValueError, match=r'drive\.mp4: frame 0 must be uint8'):
            VideoWriter(tmp_path / 'drive.mp4').write(frame)
