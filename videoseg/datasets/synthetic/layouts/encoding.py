"""Pictures and texts as the bytes of their files."""

import io
import json
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from PIL import Image

JPEG_OPTIONS = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
"""Close to the rendered picture: the pattern of a class is fine, and in colour too."""


def png_bytes(array: np.ndarray) -> bytes:
    """PNG of an (H, W, 3) uint8 RGB picture or of an (H, W) uint8 or uint16 map."""
    _, encoded = cv2.imencode('.png', array[..., ::-1] if array.ndim == 3 else array, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    return encoded.tobytes()


def jpeg_bytes(image: np.ndarray) -> bytes:
    """JPEG of an (H, W, 3) uint8 RGB picture."""
    _, encoded = cv2.imencode('.jpg', image[..., ::-1], JPEG_OPTIONS)
    return encoded.tobytes()


def palette_png_bytes(array: np.ndarray, palette: np.ndarray) -> bytes:
    """Palette PNG of an (H, W) uint8 map.

    Args:
        array: The map.
        palette: (256, 3) uint8 RGB.
    """
    image = Image.fromarray(array)
    image.putpalette(palette.astype(np.uint8).tobytes())
    stream = io.BytesIO()
    image.save(stream, format='PNG', compress_level=3)
    return stream.getvalue()


def json_bytes(content: Any) -> bytes:
    """A json in one line."""
    return (json.dumps(content, allow_nan=False) + '\n').encode()


def lines_bytes(lines: Sequence[str]) -> bytes:
    """A text file with one entry a line, the last one ended too."""
    return ''.join(f'{line}\n' for line in lines).encode()
