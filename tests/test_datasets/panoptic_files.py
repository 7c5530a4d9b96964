"""Tiny data sets of panoptic PNGs with a json, in every layout, of one and the same videos."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.test_datasets.step_files import LOAD, broadcast
from videoseg.evaluation.formats.id_png import segments_info, write_id_png
from videoseg.structures.ids import VOID_ID, encode_ids

SIZE = (12, 20)
CATEGORIES = [
    dict(id=8, name='sky', isthing=0, color=[1, 2, 3]),
    dict(id=2, name='cow', isthing=1, color=[4, 5, 6]),
    dict(id=7, name='grass', isthing=0, color=[7, 8, 9]),
    dict(id=4, name='dog', isthing=1, color=[10, 11, 12]),
]
COW, DOG, SKY, GRASS = 0, 1, 2, 3
METAINFO = dict(classes=('cow', 'dog', 'sky', 'grass'), num_things=2, raw_ids=(2, 4, 8, 7))
CATEGORY_OF = {9: 7, 5: 8, 30: 2, 70001: 4, 31: 2, 32: 4}
CROWD = frozenset({32})
TRAIN = [dict(type='ClipSample', num_refs=1), broadcast(*LOAD), dict(type='PackClipInputs')]
TEST = [broadcast(*LOAD), dict(type='PackClipInputs', test_mode=True)]


def scene(t: int) -> np.ndarray:
    """Segment ids of frame t: sky 5 over grass 9, a void corner, cow 30 that moves, dog 70001 from frame 1 on, cow 31
    in frame 2 only and a crowd of dogs 32."""
    ids = np.full(SIZE, 5)
    ids[6:] = 9
    ids[:2, :2] = 0
    ids[3:8, 2 + t : 6 + t] = 30
    ids[10:, 15:] = 32
    if t >= 1:
        ids[4:7, 10:14] = 70001
    if t == 2:
        ids[0:2, 16:] = 31
    return ids


def truth(t: int) -> np.ndarray:
    """What the data sets make of it; instances are numbered as their ids appear."""
    table = {
        0: VOID_ID,
        5: encode_ids(SKY, 0),
        9: encode_ids(GRASS, 0),
        30: encode_ids(COW, 1),
        70001: encode_ids(DOG, 2),
        31: encode_ids(COW, 3),
        32: encode_ids(DOG, 0),
    }
    return np.vectorize(table.get)(scene(t)).astype(np.int32)


def write_image(path: Path, t: int) -> None:
    """An image of any content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*SIZE, 3), 5 * t, np.uint8)).save(path)


def segments(t: int) -> list[dict[str, Any]]:
    """``segments_info`` of frame t."""
    return segments_info(scene(t), CATEGORY_OF, CROWD)


def write_vipseg(root: Path, videos: dict[str, int]) -> Path:
    """Name -> number of frames."""
    content = dict(videos=[], annotations=[], categories=CATEGORIES)
    for name, length in videos.items():
        stems = [f'{10 * t:08d}' for t in range(length)]
        for t, stem in enumerate(stems):
            write_image(root / f'imgs/{name}/{stem}.jpg', t)
            write_id_png(root / f'panomasksRGB/{name}/{stem}.png', scene(t))
        images = [dict(id=x, file_name=f'{x}.jpg', height=SIZE[0], width=SIZE[1]) for x in stems]
        frames = [dict(image_id=x, file_name=f'{x}.png', segments_info=segments(t)) for t, x in enumerate(stems)]
        content['videos'].append(dict(video_id=name, images=images))
        content['annotations'].append(dict(video_id=name, annotations=frames))
    (root / 'gt.json').write_text(json.dumps(content))
    return root


def write_vps(root: Path, num_videos: int = 2) -> Path:
    """Cityscapes-VPS: videos of 30 frames, of which the 5th, 10th ... are labelled; the 20th is Cityscapes' own."""
    content = dict(images=[], annotations=[], categories=CATEGORIES)
    for video in range(num_videos):
        for t in range(30):
            stem = f'{video:04d}_{video * 30 + t:04d}_town_000000_{t:06d}'
            kind = ('leftImg8bit', 'gtFine_color') if t == 19 else ('newImg8bit', 'final_mask')
            write_image(root / f'val/img_all/{stem}_{kind[0]}.png', t)
            if t % 5 == 4:
                write_id_png(root / f'val/panoptic_video/{stem}_{kind[1]}.png', scene(t % 3))
                image = dict(id=stem, file_name=f'{stem}_{kind[0]}.png', height=SIZE[0], width=SIZE[1])
                content['images'].append(image)
                content['annotations'].append(
                    dict(image_id=stem, file_name=image['file_name'], segments_info=segments(t % 3))
                )
    (root / 'gt.json').write_text(json.dumps(content))
    return root


def write_images(root: Path, ids: list[int | str], image_name: str = '{}.jpg', png_name: str = '{}.png') -> Path:
    """COCO's format."""
    content = dict(images=[], annotations=[], categories=CATEGORIES)
    for t, number in enumerate(ids):
        write_image(root / 'img' / image_name.format(number), t)
        write_id_png(root / 'png' / png_name.format(number), scene(t))
        name = Path(image_name.format(number)).name
        content['images'].append(dict(id=number, file_name=name, height=SIZE[0], width=SIZE[1]))
        content['annotations'].append(
            dict(image_id=number, file_name=png_name.format(number), segments_info=segments(t))
        )
    (root / 'gt.json').write_text(json.dumps(content))
    return root


def write_video_folder(root: Path, videos: dict[str, int]) -> Path:
    """The layout for own data."""
    content = dict(categories=CATEGORIES, videos=[])
    for name, length in videos.items():
        frames = []
        for t in range(length):
            write_image(root / f'frames/{name}/{t}.jpg', t)
            write_id_png(root / f'panoptic/{name}/{t}.png', scene(t))
            kept = [{key: x[key] for key in ('id', 'category_id', 'iscrowd')} for x in segments(t)]
            frames.append(dict(file_name=f'{t}.jpg', segments=kept))
        content['videos'].append(dict(name=name, frames=frames))
    (root / 'annotations.json').write_text(json.dumps(content))
    return root


def edit_json(path: Path, change: Callable[[dict], Any]) -> None:
    """Change the content of a json in place."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def arguments(root: Path, img: str, seg: str, **kwargs: Any) -> dict[str, Any]:
    """Arguments of the data sets for such a folder."""
    prefix = dict(img=img, seg=seg)
    common = dict(data_root=str(root), ann_file='gt.json', data_prefix=prefix, metainfo=METAINFO, serialize_data=False)
    return common | kwargs


def maps(dataset: Any, video: int = 0) -> list[np.ndarray | None]:
    """Ground truth of every frame of a video as the test pipeline packs it."""
    from videoseg.datasets.samplers import WindowIndex

    samples = dataset[WindowIndex(video, 0, dataset.video_length(video), 0)]['data_samples'].video_data_samples
    return [x.gt_panoptic_seg.panoptic_seg[0].numpy() if 'gt_panoptic_seg' in x else None for x in samples]
