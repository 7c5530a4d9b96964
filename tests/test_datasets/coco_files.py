"""Tiny data sets in COCO's detection format."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.test_datasets.vis_files import CATEGORIES, SIZE, box, rle

DOG, PANDA = 2, 5


def image(number: int, name: str) -> dict[str, Any]:
    """An entry of ``images``."""
    return dict(id=number, file_name=name, height=SIZE[0], width=SIZE[1])


def annotation(number: int, image_id: int, category: int, mask: np.ndarray, **more: Any) -> dict[str, Any]:
    """An entry of ``annotations``."""
    return dict(
        id=number,
        image_id=image_id,
        category_id=category,
        iscrowd=0,
        area=float(mask.sum()),
        segmentation=rle(mask),
        bbox=[0, 0, 1, 1],
    ) | dict(more)


def content() -> dict[str, Any]:
    """Image 70: a panda with a dog in front and a crowd; image 8: a dog; images 9, 10: nothing, and a crowd alone."""
    crowd = box(0, 10, 12, 6)
    return dict(
        images=[image(70, 'a.png'), image(8, 'b.png'), image(9, 'c.png'), image(10, 'd.png')],
        categories=[dict(x) for x in CATEGORIES],
        annotations=[
            annotation(1, 70, DOG, box(2, 1, 4, 4)),
            annotation(2, 70, PANDA, box(1, 0, 9, 9)),
            annotation(3, 70, PANDA, crowd, iscrowd=1, segmentation=rle(crowd, compressed=False)),
            annotation(4, 8, DOG, box(5, 5, 4, 6), segmentation=[[5.0, 5.0, 11.0, 5.0, 11.0, 9.0, 5.0, 9.0]]),
            annotation(5, 10, DOG, crowd, iscrowd=1),
        ],
    )


def write(root: Path, data: dict[str, Any]) -> Path:
    """The json and an image for each of its images."""
    (root / 'images').mkdir(parents=True, exist_ok=True)
    for entry in data['images']:
        pixels = np.random.default_rng(entry['id']).integers(0, 255, (*SIZE, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(root / 'images' / entry['file_name'])
    (root / 'instances.json').write_text(json.dumps(data))
    return root


def dataset_args(root: Path, **kwargs: Any) -> dict[str, Any]:
    """Arguments of ``InstanceImageDataset`` for such a folder."""
    common = dict(data_root=str(root), ann_file='instances.json', data_prefix=dict(img='images'), serialize_data=False)
    return common | kwargs
