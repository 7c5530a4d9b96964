"""Tiny data sets in YouTube-VIS format, and pipelines for them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.test_datasets.step_files import broadcast
from videoseg.structures.rle import encode_masks

SIZE = (12, 16)
CATEGORIES = [dict(id=2, name='Dog'), dict(id=5, name='Giant_panda')]
TRAIN = [
    dict(type='ClipSample'),
    broadcast(dict(type='LoadImageFromFile'), dict(type='LoadInstanceTracks')),
    dict(type='PackClipInputs'),
]
TEST = [
    broadcast(dict(type='LoadImageFromFile'), dict(type='LoadInstanceTracks', as_map=False)),
    dict(type='PackClipInputs', test_mode=True),
]


def box(top: int, left: int, height: int, width: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A rectangle as a (H, W) bool mask."""
    mask = np.zeros(size, bool)
    mask[top : top + height, left : left + width] = True
    return mask


def rle(mask: np.ndarray, compressed: bool = True) -> dict[str, Any]:
    """A mask as jsons have it."""
    if compressed:
        (found,) = encode_masks(mask[None])
        return dict(size=list(mask.shape), counts=found['counts'].decode())
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.r_[0, edges, flat.size]).tolist()
    return dict(size=list(mask.shape), counts=[0, *runs] if flat[0] else runs)


def video(number: int, name: str, length: int) -> dict[str, Any]:
    """An entry of ``videos``."""
    names = [f'{name}/{t:05d}.jpg' for t in range(length)]
    return dict(id=number, height=SIZE[0], width=SIZE[1], length=length, file_names=names)


def track(number: int, video_id: int, category: int, masks: list[np.ndarray | None], **more: Any) -> dict[str, Any]:
    """An entry of ``annotations``."""
    return dict(
        id=number,
        video_id=video_id,
        category_id=category,
        iscrowd=0,
        segmentations=[None if m is None else rle(m) for m in masks],
        areas=[None if m is None else float(m.sum()) for m in masks],
        **more,
    )


def content() -> dict[str, Any]:
    """Video 7 with a dog, a panda behind it and a crowd; video 9 with two frames and one dog."""
    dog = [box(2, 1 + t, 4, 4) for t in range(3)]
    panda = [box(1, 0, 9, 9), None, box(1, 2, 9, 9)]
    crowd = [box(0, 0, 12, 16), box(0, 10, 3, 3), None]
    return dict(
        info={},
        videos=[video(9, 'b', 2), video(7, 'a', 3)],
        categories=[dict(x) for x in CATEGORIES],
        annotations=[
            track(40, 7, 2, dog),
            track(41, 7, 5, panda),
            track(42, 7, 5, crowd) | dict(iscrowd=1),
            track(43, 9, 2, [None, box(5, 5, 2, 2)]),
        ],
    )


def write(root: Path, data: dict[str, Any]) -> Path:
    """The json and, of every file that it names, an image."""
    for entry in data['videos']:
        for name in entry['file_names']:
            path = root / 'images' / name
            if '..' not in path.parts:
                path.parent.mkdir(parents=True, exist_ok=True)
                pixels = np.random.default_rng(entry['id']).integers(0, 255, (entry['height'], entry['width'], 3))
                Image.fromarray(pixels.astype(np.uint8)).save(path)
    (root / 'train.json').write_text(json.dumps(data))
    return root


def dataset_args(root: Path, **kwargs: Any) -> dict[str, Any]:
    """Arguments of the instance data sets for such a folder."""
    common = dict(data_root=str(root), ann_file='train.json', data_prefix=dict(img='images'), serialize_data=False)
    return common | kwargs
