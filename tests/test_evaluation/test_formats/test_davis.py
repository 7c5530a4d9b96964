import numpy as np
import pytest
from PIL import Image

from videoseg.evaluation.formats.davis import DavisWriter, davis_palette, read_davis, write_davis
from videoseg.evaluation.formats.frame_name import FrameName

IDS = np.array([[0, 1, 2], [254, 255, 7]])


def test_writing_and_reading_are_inverse(tmp_path):
    path = tmp_path / 'a' / '00000.png'
    write_davis(path, IDS)
    read = read_davis(path, (2, 3))
    assert read.dtype == np.uint8 and (read == IDS).all()
    with Image.open(path) as image:
        assert image.mode == 'P'
        assert image.getpalette()[:12] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
        assert image.convert('RGB').getpixel((1, 0)) == (128, 0, 0)


def test_grey_images_are_read(tmp_path):
    Image.fromarray(IDS.astype(np.uint8)).save(tmp_path / 'x.png')
    assert (read_davis(tmp_path / 'x.png') == IDS).all()


def test_palette_by_hand():
    """Known colours of the PASCAL VOC map; all differ."""
    palette = davis_palette()
    assert palette.shape == (256, 3) and palette.dtype == np.uint8
    for number, colour in {7: (128, 128, 128), 8: (64, 0, 0), 20: (0, 64, 128), 255: (224, 224, 192)}.items():
        assert tuple(palette[number]) == colour
    assert len(np.unique(palette, axis=0)) == 256


def test_what_cannot_be_read(tmp_path):
    path = tmp_path / 'x.png'
    with pytest.raises(FileNotFoundError, match='x.png: label file missing'):
        read_davis(path)
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(path)
    with pytest.raises(ValueError, match='x.png: image mode is RGB, expected P or L'):
        read_davis(path)
    Image.fromarray(IDS.astype(np.uint16)).save(path)
    with pytest.raises(ValueError, match='x.png: image mode is I;16'):
        read_davis(path)
    write_davis(path, IDS)
    with pytest.raises(ValueError, match=r'x.png: size \(H, W\) is \(2, 3\), expected \(3, 2\)'):
        read_davis(path, (3, 2))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match='x.png: cannot be read, perhaps truncated'):
        read_davis(path)


@pytest.mark.parametrize('ids', [[[256]], [[-1]], [[0.5]], [0, 1]])
def test_what_cannot_be_written(tmp_path, ids):
    with pytest.raises(ValueError, match=r'x.png: (object ids|expected a 2-d map)'):
        write_davis(tmp_path / 'x.png', np.array(ids))
    assert not list(tmp_path.iterdir())


def test_writer(tmp_path):
    writer = DavisWriter(tmp_path)
    path = writer.write_frame('bear', FrameName(0, 'bear/00005.jpg'), np.array([[0, 3], [700, 9]]))
    assert path == tmp_path / 'bear' / '00005.png'
    writer.write_frame('bear', FrameName(1, 'bear/00006.jpg'), np.array([[700, 1], [701, 3]], np.int64))
    writer.write_frame('cat', FrameName(0, '00005.jpg'), np.array([[701, 700]]))
    assert read_davis(path).tolist() == [[0, 3], [1, 9]]  # 700 does not fit: the lowest free number
    assert read_davis(tmp_path / 'bear' / '00006.png').tolist() == [[1, 2], [4, 3]]  # and so do 1, then taken, and 701
    assert read_davis(tmp_path / 'cat' / '00005.png').tolist() == [[2, 1]]
    assert writer.records() == {} and writer.finish({}) == []


def test_writer_refuses(tmp_path):
    writer = DavisWriter(tmp_path)
    with pytest.raises(ValueError, match="video 'a', frame '1': object 300 is one too many"):
        writer.write_frame('a', FrameName(1, '1.jpg'), np.array([[*range(1, 255), 300]]))
    with pytest.raises(ValueError, match="video 'a', frame '1': object id -1 is negative"):
        writer.write_frame('a', FrameName(1, '1.jpg'), np.array([[-1]]))
    with pytest.raises(ValueError, match="video 'a', frame '1': expected a 2-d map"):
        writer.write_frame('a', FrameName(1, '1.jpg'), np.array([1]))
    with pytest.raises(ValueError, match='refused'):
        writer.write_frame('../a', FrameName(1, '1.jpg'), np.array([[1]]))
    assert not list(tmp_path.iterdir())
