"""Opening and saving of label PNGs: nothing is guessed, every error names the file."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError


def open_png(path: str | Path, modes: Sequence[str], size: tuple[int, int] | None = None) -> np.ndarray:
    """Read the pixels of a label image.

    Args:
        path: The PNG.
        modes: Allowed Pillow modes, for example ``('RGB',)``.
        size: Expected (H, W). Default: any.

    Returns:
        (H, W) or (H, W, channels) pixels of the type Pillow gives; cast before doing arithmetic.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no readable image of such a mode and size.
    """
    path = Path(path)
    try:
        with Image.open(path) as image:
            if image.mode not in modes:
                raise ValueError(f'{path}: image mode is {image.mode}, expected {" or ".join(modes)}')
            if size is not None and image.size != (size[1], size[0]):
                raise ValueError(f'{path}: size (H, W) is {image.size[::-1]}, expected {tuple(size)}')
            return np.asarray(image)
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{path}: label file missing') from error
    except UnidentifiedImageError as error:
        raise ValueError(f'{path}: not an image') from error
    except (OSError, SyntaxError) as error:  # Pillow's answers to a truncated or broken PNG
        raise ValueError(f'{path}: cannot be read, perhaps truncated ({error})') from error


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
