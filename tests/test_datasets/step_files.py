"""Tiny data sets in KITTI-STEP layout, and pipelines for them."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from videoseg.registry import TRANSFORMS
from videoseg.structures.ids import decode_ids

METAINFO = dict(
    name='tiny',
    classes=('person', 'car', 'road', 'sky'),
    num_things=2,
    raw_ids=(11, 13, 0, 10),
    palette=[(0, 0, 0)] * 4,
)
PERSON, CAR, ROAD, SKY, VOID = 11, 13, 0, 10, 255


def step_rgb(classes: np.ndarray, instances: np.ndarray | int = 0) -> np.ndarray:
    """Raw class ids and instances (H, W) to STEP colours (H, W, 3)."""
    instances = np.broadcast_to(instances, classes.shape)
    return np.stack([classes, instances // 256, instances % 256], axis=-1).astype(np.uint8)


def scene(t: int, size: tuple[int, int] = (24, 40)) -> np.ndarray:
    """Sky over road; person 7 and car 300 move to the right; a crowd car and a void corner."""
    h, w = size
    classes = np.full(size, SKY)
    classes[h // 2 :] = ROAD
    instances = np.zeros(size, dtype=int)
    classes[4:12, 2 + t : 8 + t], instances[4:12, 2 + t : 8 + t] = PERSON, 7
    classes[14:20, 20 + t : 30 + t], instances[14:20, 20 + t : 30 + t] = CAR, 300
    classes[h - 3 :, :5] = CAR
    classes[:3, w - 3 :] = VOID
    return step_rgb(classes, instances)


def write_frame(root: Path, split: str, seq: str, frame: str, rgb: np.ndarray, image: np.ndarray | None = None) -> None:
    """One image (its colours are those of the map unless given) and its panoptic map."""
    image_path = root / 'images' / split / seq / f'{frame}.png'
    map_path = root / 'panoptic_maps' / split / seq / f'{frame}.png'
    for path, pixels in ((image_path, rgb if image is None else image), (map_path, rgb)):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


def write_dataset(root: Path, lengths: dict[str, int], split: str = 'train') -> Path:
    """Sequences of the moving scene."""
    for seq, length in lengths.items():
        for t in range(length):
            write_frame(root, split, seq, f'{t:06d}', scene(t))
    return root


def dataset_args(root: Path, split: str = 'train', **kwargs) -> dict:
    """Arguments of the base data set for such a folder."""
    prefix = dict(img=f'images/{split}', seg=f'panoptic_maps/{split}')
    # Serialising collects garbage, which takes longer than a whole test does.
    return dict(data_root=str(root), data_prefix=prefix, metainfo=METAINFO, serialize_data=False) | kwargs


def build(pipeline: list[dict]) -> list:
    """Transforms from configs."""
    return [TRANSFORMS.build(dict(cfg)) for cfg in pipeline]


def broadcast(*transforms: dict, share: bool = True) -> dict:
    """Config of the frame-wise part of a pipeline."""
    return dict(type='TransformBroadcaster', share_random_params=share, transforms=list(transforms))


LOAD = (dict(type='LoadImageFromFile'), dict(type='LoadPanopticMap'))
TRAIN = [dict(type='ClipSample'), broadcast(*LOAD), dict(type='PackClipInputs')]
TEST = [broadcast(*LOAD), dict(type='PackClipInputs', test_mode=True)]


def map_colours(image_bgr: np.ndarray, ids: np.ndarray) -> dict[int, set]:
    """The colours under every id: for images painted with the colours of their map."""
    return {int(i): {tuple(c) for c in np.unique(image_bgr[ids == i], axis=0).tolist()} for i in np.unique(ids)}


def thing_ids(ids: np.ndarray, num_things: int = 2) -> set[int]:
    """Panoptic ids of the instances in a map."""
    labels, instances = decode_ids(ids)
    return set(np.unique(ids[(labels < num_things) & (instances > 0)]).tolist())


def read_rgb(path: Path | str) -> np.ndarray:
    """An image file as RGB."""
    return cv2.imread(str(path))[..., ::-1]
