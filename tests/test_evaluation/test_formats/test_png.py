import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from videoseg.evaluation.formats.png import open_packed_rgb, open_png, save_png


def png_of_depth(path, size, depth, colour_type, rows):
    """A PNG that Pillow cannot write."""

    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    header = struct.pack('>IIBBBBB', size[1], size[0], depth, colour_type, 0, 0, 0)
    path.write_bytes(
        b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')
    )


def png_of_16_bits(path, height=2, width=3):
    """An RGB PNG of 16 bits a channel."""
    png_of_depth(path, (height, width), 16, 2, (b'\0' + b'\1\2' * 3 * width) * height)


def test_packed_channels(tmp_path):
    rgb = np.array([[[1, 2, 3], [255, 255, 255]], [[0, 0, 0], [0, 1, 0]]], np.uint8)
    save_png(tmp_path / 'a.png', rgb)
    assert open_packed_rgb(tmp_path / 'a.png').tolist() == [[1 + 2 * 256 + 3 * 65536, 2**24 - 1], [0, 256]]
    packed = open_packed_rgb(tmp_path / 'a.png', (2, 2), red_first=False)
    assert packed.dtype == np.int32 and packed.tolist() == [[65536 + 2 * 256 + 3, 2**24 - 1], [0, 256]]


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_grey_keeps_its_depth(tmp_path, dtype):
    array = np.array([[0, np.iinfo(dtype).max]], dtype)
    save_png(tmp_path / 'new' / 'a.png', array)
    mode = 'L' if dtype is np.uint8 else 'I;16'
    np.testing.assert_array_equal(open_png(tmp_path / 'new' / 'a.png', (mode,)), array)
    assert [x.name for x in (tmp_path / 'new').iterdir()] == ['a.png']  # no temporary file is left


def test_palette(tmp_path):
    save_png(tmp_path / 'a.png', np.array([[0, 1]], np.uint8), palette=[(0, 0, 0), (9, 8, 7)])
    assert open_png(tmp_path / 'a.png', ('P',)).tolist() == [[0, 1]]
    with Image.open(tmp_path / 'a.png') as image:
        assert image.convert('RGB').getpixel((1, 0)) == (9, 8, 7)


@pytest.mark.parametrize('read', [open_packed_rgb, lambda path: open_png(path, ('RGB',))])
def test_16_bits_a_channel_are_refused(tmp_path, read):
    png_of_16_bits(tmp_path / 'a.png')
    with Image.open(tmp_path / 'a.png') as image:
        assert image.mode == 'RGB'  # Pillow would have said nothing
    with pytest.raises(ValueError, match='a.png: has 16 bits a channel, expected 8'):
        read(tmp_path / 'a.png')


def test_truncated_file_is_named(tmp_path):
    rng = np.random.default_rng(0)
    save_png(tmp_path / 'a.png', rng.integers(0, 256, (40, 40, 3)).astype(np.uint8))
    data = (tmp_path / 'a.png').read_bytes()
    for length in (*range(len(data) - 24, len(data)), len(data) // 2, 60, 20, 3, 0):
        (tmp_path / 'a.png').write_bytes(data[:length])
        with pytest.raises(ValueError, match=r'a.png: (cannot be read, perhaps truncated|not an image)'):
            open_packed_rgb(tmp_path / 'a.png')


@pytest.mark.parametrize('place', [-14, -16, -1, -3, 30])  # the sums of IDAT, IEND and IHDR
def test_a_wrong_sum_is_found(tmp_path, place):
    save_png(tmp_path / 'a.png', np.zeros((4, 4), np.uint8))
    data = bytearray((tmp_path / 'a.png').read_bytes())
    data[place] ^= 0x55
    (tmp_path / 'a.png').write_bytes(data)
    with pytest.raises(ValueError, match=r'a.png: (cannot be read, perhaps truncated|not an image)'):
        open_png(tmp_path / 'a.png', ('L',))


def test_what_follows_the_end_does_not_matter(tmp_path):
    save_png(tmp_path / 'a.png', np.array([[3, 4]], np.uint8))
    with (tmp_path / 'a.png').open('ab') as file:
        file.write(b'more')
    assert open_png(tmp_path / 'a.png', ('L',)).tolist() == [[3, 4]]


def test_other_formats_are_refused(tmp_path):
    buffer = io.BytesIO()
    Image.new('RGB', (4, 4)).save(buffer, 'JPEG')
    (tmp_path / 'a.png').write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match='a.png: is a JPEG file, expected a PNG'):
        open_packed_rgb(tmp_path / 'a.png')


def test_missing_and_wrong_size(tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.png: depth map missing'):
        open_png(tmp_path / 'gone.png', ('L',), what='depth map')
    save_png(tmp_path / 'a.png', np.zeros((2, 3), np.uint8))
    with pytest.raises(ValueError, match=r'a.png: size \(H, W\) is \(2, 3\), expected \(3, 2\)'):
        open_png(tmp_path / 'a.png', ('L',), (3, 2))
    with pytest.raises(ValueError, match='a.png: image mode is L, expected RGB'):
        open_packed_rgb(tmp_path / 'a.png')
    with pytest.raises(ValueError, match='cannot be read'):
        open_png(tmp_path, ('L',))


def test_grey_levels_of_four_bits_are_refused(tmp_path):
    """Pillow would open label 3 as 51."""
    png_of_depth(tmp_path / 'a.png', (1, 2), 4, 0, b'\0\x33')
    with pytest.raises(ValueError, match='a.png: has 4 bits a channel, expected 8'):
        open_png(tmp_path / 'a.png', ('L',))
