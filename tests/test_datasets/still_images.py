"""Tiny image data sets in KITTI-STEP encoding, with flat colours that are those of the map."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.test_datasets.step_files import CAR, METAINFO, PERSON, ROAD, SKY, step_rgb

SIZE = (48, 64)


def still(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Sky over road with a car of number 200 + ``number``, which lies elsewhere in every image, and a person."""
    h, w = size
    classes, instances = np.full(size, SKY), np.zeros(size, int)
    classes[h // 2 :] = ROAD
    top, left = 14 + number % 3, 8 + 5 * (number % 4)
    classes[top : top + 16, left : left + 24], instances[top : top + 16, left : left + 24] = CAR, 200 + number
    classes[4:20, w - 14 : w - 6], instances[4:20, w - 14 : w - 6] = PERSON, 7
    return step_rgb(classes, instances)


def write_stills(root: Path, count: int = 4, with_things: bool = True) -> Path:
    """Images and maps side by side, one each."""
    for number in range(count):
        rgb = still(number)
        if not with_things:
            rgb[..., 1:] = 0
            rgb[np.isin(rgb[..., 0], (CAR, PERSON))] = (ROAD, 0, 0)
        for folder in ('images', 'maps'):
            (root / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(rgb).save(root / folder / f'{number:03d}.png')
    return root


def still_args(root: Path, **kwargs: Any) -> dict[str, Any]:
    """Arguments of the base data set for them."""
    return dict(
        data_root=str(root),
        data_prefix=dict(img='images', seg='maps'),
        layout='images',
        metainfo=METAINFO,
        serialize_data=False,
    ) | dict(kwargs)
