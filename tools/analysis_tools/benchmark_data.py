"""Made-up ground truth and predictions in official layouts, for timing: bands of stuff, moving ellipses."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

NUM_CLASSES = 124
NUM_STUFF = 66
"""Categories below are stuff, the others things."""


@dataclass(frozen=True)
class DataSize:
    """How much data of each layout; the default is the size that the docs quote.

    Attributes:
        vps: Videos, frames, height, width of the VIPSeg layout.
        vss: The same of the VSPW layout.
        vis: The same of the YouTube-VIS layout.
    """

    vps: tuple[int, int, int, int] = (10, 50, 720, 1280)
    vss: tuple[int, int, int, int] = (10, 70, 480, 853)
    vis: tuple[int, int, int, int] = (100, 30, 720, 1280)

    @classmethod
    def small(cls) -> 'DataSize':
        """Seconds of work, for tests."""
        return cls((2, 8, 48, 64), (2, 18, 32, 48), (3, 6, 48, 64))


def make_data(root: Path, size: DataSize) -> None:
    """Write all layouts; what is already complete, of that size, is kept.

    Args:
        root: Folder; gets ``vipseg/``, ``vspw/``, ``youtube_vis/`` and ``size.json``.
        size: How much.

    Raises:
        ValueError: If the folder holds data of another size, or something else.
    """
    marker = root / 'size.json'
    wanted = json.loads(json.dumps(asdict(size)))
    if marker.exists():
        if json.loads(marker.read_text()) != wanted:
            raise ValueError(f'{root}: holds data of another size; name another folder')
        return
    if root.exists() and any(root.iterdir()):
        raise ValueError(f'{root}: is not empty and has no size.json; name another folder')
    make_vipseg(root / 'vipseg', *size.vps)
    make_vspw(root / 'vspw', *size.vss)
    make_youtube_vis(root / 'youtube_vis', *size.vis)
    marker.write_text(json.dumps(wanted))


def make_vipseg(root: Path, videos: int, frames: int, height: int, width: int) -> None:
    """``panoptic_gt_VIPSeg_val.json`` with ``panomasksRGB/``; ``pred.json`` with ``pan_pred/``."""
    listed, annotations = [], {'gt': [], 'pred': []}
    folders = {'gt': root / 'panomasksRGB', 'pred': root / 'pan_pred'}
    for video in range(videos):
        name = f'video_{video:04d}'
        entries: dict[str, list[dict[str, Any]]] = {'gt': [], 'pred': []}
        for frame, maps in enumerate(scenes(video, frames, height, width)):
            stem = f'{frame:08d}'
            for kind, segments in zip(('gt', 'pred'), maps, strict=True):
                path = folders[kind] / name / f'{stem}.png'
                _save_ids(path, segments)
                ids, areas = _count(segments)
                infos = [
                    {'id': int(i), 'category_id': int(i % NUM_CLASSES), 'area': int(area), 'iscrowd': 0}
                    for i, area in zip(ids, areas, strict=True)
                    if i
                ]
                entries[kind].append({'image_id': stem, 'file_name': path.name, 'segments_info': infos})
        images = [
            dict(id=x['image_id'], file_name=f'{x["image_id"]}.jpg', height=height, width=width) for x in entries['gt']
        ]
        listed.append({'video_id': name, 'images': images})
        for kind, found in entries.items():
            annotations[kind].append({'video_id': name, 'annotations': found})
    categories = [dict(id=i, name=f'class {i}', isthing=int(i >= NUM_STUFF)) for i in range(NUM_CLASSES)]
    gt = dict(videos=listed, annotations=annotations['gt'], categories=categories)
    (root / 'panoptic_gt_VIPSeg_val.json').write_text(json.dumps(gt))
    (root / 'pred.json').write_text(json.dumps(dict(annotations=annotations['pred'])))


def make_vspw(root: Path, videos: int, frames: int, height: int, width: int) -> None:
    """``data/<video>/mask/*.png`` with ``val.txt``; predictions in ``pred/<video>/*.png``."""
    names = []
    for video in range(videos):
        names.append(f'video_{video:04d}')
        for frame, (gt, pred) in enumerate(scenes(1000 + video, frames, height, width)):
            raw = np.where(gt == 0, 255, gt % NUM_CLASSES + 1).astype(np.uint8)
            _save(root / 'data' / names[-1] / 'mask' / f'{frame:08d}.png', raw)
            _save(root / 'pred' / names[-1] / f'{frame:08d}.png', (pred % NUM_CLASSES).astype(np.uint8))
    (root / 'val.txt').write_text(''.join(f'{x}\n' for x in names))


def make_youtube_vis(root: Path, videos: int, frames: int, height: int, width: int) -> None:
    """``gt.json`` (3 tracks a video) and ``results.json`` (10 tracks a video); ellipses that move."""
    rng = np.random.default_rng(2)
    listed, annotations, results = [], [], []
    for video in range(1, videos + 1):
        names = [f'{video:04d}/{frame:05d}.jpg' for frame in range(frames)]
        listed.append(dict(id=video, width=width, height=height, length=frames, file_names=names))
        tracks = []
        for _ in range(3):
            track = rng.uniform((0.2, 0.2, 0.05, 0.05, -0.005, -0.005), (0.8, 0.8, 0.2, 0.2, 0.005, 0.005))
            tracks.append((track, int(rng.integers(1, 41))))
            runs = _ellipses(track, frames, height, width)
            areas = [float(sum(x[1::2])) for x in runs]
            annotations.append(
                dict(id=len(annotations) + 1, video_id=video, category_id=tracks[-1][1], iscrowd=0, length=frames)
                | dict(width=width, height=height, areas=areas, bboxes=[[0.0, 0.0, 1.0, 1.0]] * frames)
                | dict(segmentations=[dict(size=[height, width], counts=x) for x in runs])
            )
        for index in range(10):
            track, category = tracks[index % 3]
            moved = track + rng.normal(0, 0.01, 6) * (1, 1, 1, 1, 0.05, 0.05)
            moved[2:4] = np.maximum(moved[2:4], 0.02)
            masks = [
                coco_mask.frPyObjects(dict(size=[height, width], counts=x), height, width)
                for x in _ellipses(moved, frames, height, width)
            ]
            masks = [dict(size=x['size'], counts=x['counts'].decode()) for x in masks]
            score = float(rng.uniform(0.05, 1))
            results.append(dict(video_id=video, category_id=category, score=score, segmentations=masks))
    categories = [dict(id=i, name=f'class {i}') for i in range(1, 41)]
    root.mkdir(parents=True, exist_ok=True)
    gt = dict(info={}, videos=listed, annotations=annotations, categories=categories)
    (root / 'gt.json').write_text(json.dumps(gt))
    (root / 'results.json').write_text(json.dumps(results))


def scenes(seed: int, frames: int, height: int, width: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Frames of one video: ground truth and prediction, (H, W) segment ids; id % 124 is the category, 0 is void.

    Seven wavy bands of stuff, fourteen moving ellipses, a void rim; the prediction is shifted, has rougher edges, drops
    and adds things, and changes the ids of some half-way.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    bands, things = 7, 14
    stuff = rng.choice(np.arange(1, NUM_STUFF), bands, replace=False)
    things_ids = rng.integers(NUM_STUFF, NUM_CLASSES, things) + NUM_CLASSES * (1 + np.arange(things))
    place = rng.uniform(0.1, 0.9, (things, 2)) * (height, width)
    radius = rng.uniform(0.03, 0.16, (things, 2)) * height
    speed = rng.uniform(-0.006, 0.006, (things, 2)) * (height, width)
    shift = rng.uniform(-0.01, 0.01, (things, 2)) * height
    rough = rng.normal(0, 0.35, (8, 16)).astype(np.float32)
    rough = np.asarray(Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC))
    waves = rng.uniform(3, 12)
    for frame in range(frames):
        maps = []
        for is_pred in (False, True):
            edge = np.sin(x * (waves * 2 * np.pi / width) + frame * 0.1) * 0.25 + (rough if is_pred else rough * 0.8)
            row = np.clip((y * (bands / height) + edge).astype(np.int32), 0, bands - 1)
            ids = stuff[row].astype(np.int32)
            for k in range(things):
                if is_pred and (frame * 7 + k * 3) % 29 == 0:
                    continue
                center = place[k] + frame * speed[k] + is_pred * shift[k]
                low = np.maximum((center - radius[k]).astype(int), 0)
                high = np.minimum((center + radius[k]).astype(int) + 2, (height, width))
                if (low >= high).any():
                    continue
                box = slice(low[0], high[0]), slice(low[1], high[1])
                inside = ((y[box] - center[0]) / radius[k, 0]) ** 2 + ((x[box] - center[1]) / radius[k, 1]) ** 2 < 1
                switched = is_pred and k % 5 == 0 and frame >= frames // 2
                ids[box][inside] = things_ids[k] + switched * NUM_CLASSES * 100
            if not is_pred:
                ids[: max(1, height // 60)] = 0
            maps.append(ids)
        yield maps[0], maps[1]


def _ellipses(track: np.ndarray, frames: int, height: int, width: int) -> list[list[int]]:
    """Runs (column by column, background first) of an ellipse in every frame."""
    columns = np.arange(width)
    result = []
    for frame in range(frames):
        center = (track[:2] + frame * track[4:]) * (height, width)
        radius = track[2:4] * height
        inside = np.clip(1 - ((columns - center[1]) / radius[1]) ** 2, 0, None)
        half = radius[0] * np.sqrt(inside)
        top = np.clip(np.ceil(center[0] - half), 0, height).astype(int)
        stop = np.clip(np.floor(center[0] + half) + 1, 0, height).astype(int)
        used = (inside > 0) & (stop > top)
        starts, stops = columns[used] * height + top[used], columns[used] * height + stop[used]
        borders = np.r_[0, np.c_[starts, stops].ravel(), height * width]
        result.append(np.diff(borders).tolist())
    return result


def _count(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    counts = np.bincount(ids.ravel())
    found = np.flatnonzero(counts)
    return found, counts[found]


def _save_ids(path: Path, ids: np.ndarray) -> None:
    _save(path, np.ascontiguousarray(ids, '<u4').view(np.uint8).reshape(*ids.shape, 4)[..., :3])


def _save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(array)).save(path)
