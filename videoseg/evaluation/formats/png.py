"""Opening and saving of label PNGs: nothing is guessed, every error names the file."""

import io
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

_LOW_24_BITS = np.int32((1 << 24) - 1)
_SIGNATURE = b'\x89PNG\r\n\x1a\n'
_BIT_DEPTH_AT = 24  # Pillow opens RGB of 16 bits and grey of 1 to 4 as 8 bits without a word


def open_png(
    path: str | Path, modes: Sequence[str], size: tuple[int, int] | None = None, what: str = 'label file'
) -> np.ndarray:
    """Read the pixels of a label image.

    Args:
        path: The PNG.
        modes: Allowed Pillow modes, for example ``('RGB',)``.
        size: Expected (H, W). Default: any.
        what: What the file is, for the message if it is missing. Default ``'label file'``.

    Returns:
        (H, W) or (H, W, channels) pixels of the type Pillow gives; cast before doing arithmetic.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no readable PNG of such a mode and size, or has another number of bits a channel than
            the mode says (Pillow scales grey values of 1, 2 and 4 bits and cuts colours of 16 bits).
    """
    with _opened(path, modes, size, what) as image:
        return np.asarray(image)


def open_packed_rgb(
    path: str | Path, size: tuple[int, int] | None = None, red_first: bool = True, what: str = 'label file'
) -> np.ndarray:
    """Read the three channels of a pixel as one number: decoded once, no arithmetic on pixels.

    Args:
        path: 8-bit RGB PNG.
        size: Expected (H, W). Default: any.
        red_first: True: R + 256 G + 65536 B (COCO panoptic). False: 65536 R + 256 G + B (KITTI-STEP). Default True.
        what: As in :func:`open_png`.

    Returns:
        (H, W) int32.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no 8-bit RGB PNG of that size.
    """
    with _opened(path, ('RGB',), size, what) as image:
        packed = np.frombuffer(image.tobytes('raw', 'RGBX' if red_first else 'BGRX'), '<i4')
        return (packed & _LOW_24_BITS).reshape(image.height, image.width)


@contextmanager
def _opened(path: str | Path, modes: Sequence[str], size: tuple[int, int] | None, what: str) -> Iterator[Image.Image]:
    """An image of which mode, depth and size are as expected; Pillow's errors become ours."""
    path = Path(path)
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            if image.format != 'PNG':
                raise ValueError(f'{path}: is a {image.format} file, expected a PNG: other formats change labels')
            if image.mode not in modes:
                raise ValueError(f'{path}: image mode is {image.mode}, expected {" or ".join(modes)}')
            _check_chunks(data)
            depth = data[_BIT_DEPTH_AT]
            if (image.mode == 'L' and depth != 8) or (not image.mode.startswith('I') and depth > 8):
                raise ValueError(f'{path}: has {depth} bits a channel, expected 8')
            if size is not None and image.size != (size[1], size[0]):
                raise ValueError(f'{path}: size (H, W) is {image.size[::-1]}, expected {tuple(size)}')
            yield image
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{path}: {what} missing') from error
    except UnidentifiedImageError as error:
        raise ValueError(f'{path}: not an image') from error
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:  # truncated, broken or absurdly large
        raise ValueError(f'{path}: cannot be read, perhaps truncated ({error})') from error


def _check_chunks(data: bytes) -> None:
    """Whether all chunks that matter are there and whole: Pillow neither misses the end nor checks sums of pixels.

    Raises:
        OSError: If the file stops before its end, or a sum is wrong.
    """
    view, start = memoryview(data), len(_SIGNATURE)
    while start + 12 <= len(data):
        length, kind = struct.unpack_from('>I4s', data, start)
        end = start + 12 + length
        if end > len(data):
            break
        is_critical = not kind[0] & 0x20
        if is_critical and zlib.crc32(view[start + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], 'big'):
            raise OSError(f'wrong sum of the chunk {kind.decode("latin-1")}')
        if kind == b'IEND':
            return
        start = end
    raise OSError('the file stops before its end')


def save_png(path: str | Path, array: np.ndarray, palette: Sequence[Sequence[int]] | None = None) -> None:
    """Write a label image so that it is never seen half-written; missing folders are made.

    Args:
        path: The PNG.
        array: (H, W) uint8 or uint16, or (H, W, 3) uint8.
        palette: RGB of every value of a (H, W) uint8 array; makes a palette PNG.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(array)
    if palette is not None:
        image.putpalette(np.asarray(palette, np.uint8).ravel().tolist())
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        image.save(temporary, format='PNG', compress_level=1)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
