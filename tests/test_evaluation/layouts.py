"""Official layouts written by hand: what other people's systems leave on disk, without our writers."""

import hashlib
import json
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from tests.test_evaluation.clips import disturb, make_clip, recorded, recorded_segments
from videoseg.structures.ids import DIVISOR, VOID_LABEL

CATEGORIES = [
    {'id': 10, 'name': 'road', 'isthing': 0},
    {'id': 20, 'name': 'dog', 'isthing': 1},
    {'id': 30, 'name': 'sky', 'isthing': 0},
    {'id': 40, 'name': 'cat', 'isthing': 1},
]
CATEGORY_OF_LABEL = (20, 40, 10, 30)
"""Labels of ``clips.make_clip``: 0 and 1 are things; things come first in the order of the json."""


def save(path, array):
    """Save an image with Pillow's defaults."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(array)).save(path)


def save_ids(path, ids):
    """Segment ids as R + 256 G + 65536 B."""
    ids = np.asarray(ids).astype(np.int64)
    save(path, np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1).astype(np.uint8))


def save_step(path, ids, raw_ids):
    """Panoptic ids with model labels as KITTI-STEP maps."""
    labels, instances = ids // DIVISOR, ids % DIVISOR
    raw = np.where(labels == VOID_LABEL, 255, np.asarray([*raw_ids, 0])[np.minimum(labels, len(raw_ids))])
    save(path, np.stack([raw, instances // 256, instances % 256], axis=-1).astype(np.uint8))


def segments_of(clip, is_gt=True):
    """Segment ids (T, H, W) and ``segments_info`` of a clip of ``make_clip``; ids have nothing to do with labels."""
    ids = np.where(clip // DIVISOR == VOID_LABEL, 0, 70001 + clip // DIVISOR * 1000 + clip % DIVISOR * 7)
    infos = []
    for frame, panoptic in zip(ids, clip, strict=True):
        infos.append([])
        for segment in np.unique(frame[frame > 0]).tolist():
            label, instance = divmod(int(panoptic[frame == segment][0]), DIVISOR)
            infos[-1].append({'id': segment, 'category_id': CATEGORY_OF_LABEL[label]})
            if is_gt:
                infos[-1][-1] |= {'iscrowd': int(label < 2 and instance == 0), 'area': int((frame == segment).sum())}
    return ids, infos


@cache
def clips(num_frames=6):
    """Two videos of panoptic ids: name -> (ground truth, prediction)."""
    found = {name: make_clip(seed, num_frames) for seed, name in enumerate(('a', 'b'))}
    return {name: (clip, disturb(clip, seed)) for seed, (name, clip) in enumerate(found.items())}


def clip_segments(num_frames=6):
    """The same as segments: name -> ((gt ids, infos), (pred ids, infos))."""
    return {name: (segments_of(gt), segments_of(pred, is_gt=False)) for name, (gt, pred) in clips(num_frames).items()}


def recorded_clip_segments(group, videos):
    """Recorded videos in that form."""
    arrays = recorded(group)[0]
    return {
        name: tuple((arrays[f'{kind}_{name}'], infos[kind]) for kind in ('gt', 'pred'))
        for name, infos in videos.items()
    }


def write_vipseg(root, videos, categories=CATEGORIES):
    """``gt.json`` with ``panomasksRGB/`` and ``pred.json`` with ``pan_pred/``; returns both jsons."""
    content = {'gt': {'videos': [], 'annotations': [], 'categories': categories}, 'pred': {'annotations': []}}
    for name, pair in videos.items():
        height, width = pair[0][0].shape[1:]
        images = [
            {'id': f'{t:08d}', 'file_name': f'{t:08d}.jpg', 'height': height, 'width': width}
            for t in range(len(pair[0][0]))
        ]
        content['gt']['videos'].append({'video_id': name, 'images': images})
        for kind, folder, (ids, infos) in zip(('gt', 'pred'), ('panomasksRGB', 'pan_pred'), pair, strict=True):
            entries = []
            for t, (frame, info) in enumerate(zip(ids, infos, strict=True)):
                save_ids(root / folder / name / f'{t:08d}.png', frame)
                entries.append({'image_id': f'{t:08d}', 'file_name': f'{t:08d}.png', 'segments_info': info})
            content[kind]['annotations'].append({'video_id': name, 'annotations': entries})
    return write_jsons(root, content)


def write_cityscapes_vps(root, videos, categories=CATEGORIES):
    """``panoptic_gt_val_city_vps.json`` as ``gt.json`` would be; six labelled frames a video, every fifth."""
    content = {'gt': {'images': [], 'annotations': [], 'categories': categories}, 'pred': {'annotations': []}}
    for number, (gt, pred) in enumerate(videos.values(), 1):
        height, width = gt[0].shape[1:]
        for t in range(len(gt[0])):
            image = f'{number:04d}_{5 * t + 5:04d}_city_000000_{number:06d}'
            save_ids(root / 'val' / 'panoptic_video' / f'{image}_final_mask.png', gt[0][t])
            save_ids(root / 'pan_pred' / f'{image}.png', pred[0][t])
            content['gt']['images'].append(
                {'id': image, 'file_name': f'{image}_newImg8bit.png', 'height': height, 'width': width}
            )
            content['gt']['annotations'].append(
                {'image_id': image, 'file_name': f'{image}_newImg8bit.png', 'segments_info': gt[1][t]}
            )
            content['pred']['annotations'].append({'image_id': image, 'segments_info': pred[1][t]})
    return write_jsons(root, content)


def write_coco_panoptic(root, videos, categories=CATEGORIES):
    """``gt.json`` with ``gt/``, ``pred.json`` with ``pred/``; every frame is an image with a number."""
    content = {'gt': {'images': [], 'annotations': [], 'categories': categories}, 'pred': {'annotations': []}}
    for gt, pred in videos.values():
        for t in range(len(gt[0])):
            number = len(content['gt']['images']) + 1
            size = {'height': gt[0].shape[1], 'width': gt[0].shape[2]}
            content['gt']['images'].append({'id': number, 'file_name': f'{number:012d}.jpg', **size})
            for kind, (ids, infos) in (('gt', gt), ('pred', pred)):
                save_ids(root / kind / f'{number:012d}.png', ids[t])
                content[kind]['annotations'].append(
                    {'image_id': number, 'file_name': f'{number:012d}.png', 'segments_info': infos[t]}
                )
    return write_jsons(root, content)


def write_jsons(root, content):
    """Both jsons."""
    for kind, entries in content.items():
        (root / f'{kind}.json').write_text(json.dumps(entries))
    return content


def write_kitti_step(root, videos, raw_ids=(11, 13, 0, 1)):
    """``gt/`` and ``pred/`` with ``<sequence>/<frame>.png``."""
    for name, pair in videos.items():
        for kind, clip in zip(('gt', 'pred'), pair, strict=True):
            for t, frame in enumerate(clip):
                save_step(root / kind / name / f'{t:06d}.png', frame, raw_ids)


def write_city_dvpq(root):
    """The recorded group ``city_dvpq`` as Cityscapes-DVPS files: ``gt/``, ``pred/panoptic``, ``pred/depth``."""
    arrays, _, params, _ = recorded('city_dvpq')
    for video in range(params['sequences']):
        for t in range(len(arrays[f'gt_{video}'])):
            stem = f'{video:06d}_{t:06d}_city_000000_{t:06d}'
            save(root / 'gt' / f'{stem}_gtFine_instanceTrainIds.png', arrays[f'gt_{video}'][t])
            save(root / 'gt' / f'{stem}_depth.png', arrays[f'depth_gt_{video}'][t])
            save(root / 'pred' / 'depth' / f'{stem}_depth.png', arrays[f'depth_pred_{video}'][t])
            pred = arrays[f'pred_{video}'][t]
            channels = np.stack([pred // 1000, pred % 1000, np.zeros_like(pred)], axis=-1).astype(np.uint8)
            save(root / 'pred' / 'panoptic' / f'{stem}_gtFine_instanceTrainIds.png', channels)


def recorded_main(group):
    """Segments of the main videos of a recorded group."""
    segments = recorded_segments(group)
    return segments.get('main', segments)


def fingerprint(root: Path) -> dict[str, str]:
    """Hash of every file below a folder."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob('*'))
        if path.is_file()
    }
