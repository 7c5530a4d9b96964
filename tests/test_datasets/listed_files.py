"""Tiny data sets of listed videos: VSPW and DAVIS."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.test_datasets.step_files import LOAD, broadcast

SIZE = (10, 14)
TRAIN = [dict(type='ClipSample'), broadcast(*LOAD), dict(type='PackClipInputs')]
TEST = [broadcast(*LOAD), dict(type='PackClipInputs', test_mode=True)]


def save(path: Path, pixels: np.ndarray, palette: bool = False) -> None:
    """An image; with a palette as DAVIS has them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    if palette:
        image.putpalette(np.arange(768) % 256)
    image.save(path)


def photo(t: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Some picture."""
    return np.random.default_rng(t).integers(0, 255, (*size, 3)).astype(np.uint8)


def vspw_mask(t: int) -> np.ndarray:
    """Others, class 0 (pixel value 1), class 123 (pixel value 124) and 255."""
    mask = np.zeros(SIZE, np.uint8)
    mask[2:6, 1 + t : 7 + t] = 1
    mask[6:9, 3:9] = 124
    mask[9, 12:] = 255
    return mask


def davis_mask(t: int) -> np.ndarray:
    """Objects 1 and 2, some void."""
    mask = np.zeros(SIZE, np.uint8)
    mask[2:6, 1 + t : 7 + t] = 1
    mask[4:9, 3:9] = 2
    mask[9, 12:] = 255
    return mask


def write_vspw(root: Path, videos: dict[str, int], split: str = 'train', masks: bool = True) -> Path:
    """VSPW's layout."""
    for name, length in videos.items():
        for t in range(length):
            save(root / 'data' / name / 'origin' / f'{t:08d}.jpg', photo(t))
            if masks:
                save(root / 'data' / name / 'mask' / f'{t:08d}.png', vspw_mask(t))
    (root / f'{split}.txt').write_text('\n'.join(videos))  # the last line has no end
    return root


def write_davis(root: Path, videos: dict[str, int], split: str = 'train') -> Path:
    """DAVIS' layout."""
    for name, length in videos.items():
        for t in range(length):
            save(root / 'JPEGImages/480p' / name / f'{t:05d}.jpg', photo(t))
            save(root / 'Annotations/480p' / name / f'{t:05d}.png', davis_mask(t), palette=True)
    lists = root / 'ImageSets/2017'
    lists.mkdir(parents=True, exist_ok=True)
    (lists / f'{split}.txt').write_text('\n'.join(videos) + '\n')
    return root


def vspw_args(root: Path, split: str = 'train', **kwargs) -> dict:
    """Arguments of the data set."""
    prefix = dict(img='data', seg='data')
    return dict(data_root=str(root), ann_file=f'{split}.txt', data_prefix=prefix, serialize_data=False) | kwargs


def davis_args(root: Path, **kwargs) -> dict:
    """Arguments of the data set."""
    prefix = dict(img='JPEGImages/480p', seg='Annotations/480p')
    lists = 'ImageSets/2017/train.txt'
    return dict(data_root=str(root), ann_file=lists, data_prefix=prefix, serialize_data=False) | kwargs
