"""Pictures and texts as bytes."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from videoseg.datasets.synthetic.layouts import encoding


def decoded(content):
    with Image.open(io.BytesIO(content)) as image:
        return image.mode, np.asarray(image)


@pytest.mark.parametrize(
    ('array', 'mode'),
    [
        (np.arange(24, dtype=np.uint8).reshape(2, 4, 3), 'RGB'),
        (np.array([[0, 255, 7]], np.uint8), 'L'),
        (np.array([[0, 65535, 12400]], np.uint16), 'I;16'),
    ],
)
def test_png_keeps_every_pixel(array, mode):
    found, pixels = decoded(encoding.png_bytes(array))
    assert found == mode
    np.testing.assert_array_equal(pixels, array)


def test_jpeg_keeps_thin_lines_of_colour():
    image = np.zeros((32, 32, 3), np.uint8)
    image[::2, :, 0] = 200
    image[1::2, :, 2] = 200
    mode, pixels = decoded(encoding.jpeg_bytes(image))
    assert mode == 'RGB'
    assert np.abs(pixels.astype(int) - image).max() <= 8


def test_palette_png_keeps_values_and_colours():
    palette = np.arange(768).reshape(256, 3) % 256
    mode, pixels = decoded(encoding.palette_png_bytes(np.array([[0, 1, 255]], np.uint8), palette))
    assert mode == 'P'
    assert pixels.tolist() == [[0, 1, 255]]


def test_texts():
    assert encoding.lines_bytes(['a', 'b']) == b'a\nb\n'
    assert json.loads(encoding.json_bytes({'x': [1, None]})) == {'x': [1, None]}
    with pytest.raises(ValueError, match='JSON'):
        encoding.json_bytes(float('nan'))
