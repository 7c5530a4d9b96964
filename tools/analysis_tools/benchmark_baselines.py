"""What the evaluators are timed against: the same data in the plainest numpy, without checks and bookkeeping."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask


def panoptic_pass(root: Path, windows: Sequence[int] = (1, 2, 4, 6)) -> float:
    """Decode every PNG, joint histograms, an IoU matrix of every window.

    Args:
        root: Folder of the VIPSeg layout.
        windows: Window sizes.

    Returns:
        Sum of all IoUs above 0.5, so that nothing is computed in vain.
    """
    jsons = [json.loads((root / name).read_text()) for name in ('panoptic_gt_VIPSeg_val.json', 'pred.json')]
    folders = root / 'panomasksRGB', root / 'pan_pred'
    total = 0.0
    for videos in zip(*(x['annotations'] for x in jsons), strict=True):
        tables, counts = [], []
        for video in videos:
            ids = sorted({x['id'] for frame in video['annotations'] for x in frame['segments_info']})
            table = np.zeros(1 << 24, np.int16)
            table[ids] = np.arange(1, len(ids) + 1)
            tables.append(table)
            counts.append(len(ids) + 1)
        sums = np.zeros((1, *counts), np.int64)
        for frame in videos[0]['annotations']:
            name = f'{videos[0]["video_id"]}/{frame["file_name"]}'
            gt, pred = (
                table[_ids(folder / name)].astype(np.int32) for table, folder in zip(tables, folders, strict=True)
            )
            joint = np.bincount((gt * counts[1] + pred).ravel(), minlength=counts[0] * counts[1]).reshape(counts)
            sums = np.concatenate([sums, sums[-1:] + joint])
        for size in windows:
            for joint in sums[size:] - sums[:-size]:
                union = joint.sum(1, keepdims=True) + joint.sum(0, keepdims=True) - joint - joint[:1]
                iou = joint[1:, 1:] / np.maximum(union[1:, 1:], 1)
                total += iou[iou > 0.5].sum()
    return float(total)


def decode_pass(root: Path) -> int:
    """Decode every PNG of the VIPSeg layout and do nothing with it: what no evaluator can save."""
    total = 0
    for folder in (root / 'panomasksRGB', root / 'pan_pred'):
        for path in folder.rglob('*.png'):
            with Image.open(path) as image:
                image.load()
                total += image.width
    return total


def _ids(path: Path) -> np.ndarray:
    rgb = np.asarray(Image.open(path)).astype(np.int32)
    return rgb[..., 0] + 256 * rgb[..., 1] + 65536 * rgb[..., 2]


def consistency_pass(root: Path, windows: Sequence[int] = (8, 16)) -> dict[int, float]:
    """Video consistency as its definition says: every window compares all its frames.

    Args:
        root: Folder of the VSPW layout.
        windows: Window sizes.

    Returns:
        VC of every size.
    """
    scores: dict[int, list[float]] = {size: [] for size in windows}
    for name in (root / 'val.txt').read_text().split():
        folders = root / 'data' / name / 'mask', root / 'pred' / name
        gt, pred = ([np.asarray(Image.open(x)) for x in sorted(folder.glob('*.png'))] for folder in folders)
        for size in windows:
            for start in range(len(gt) - size):
                same = []
                for maps in (gt, pred):
                    first = maps[start]
                    mask = np.ones(first.shape, bool)
                    for other in maps[start + 1 : start + size]:
                        mask &= other == first
                    same.append(mask)
                area = same[0].sum()
                if area:
                    scores[size].append(float((same[0] & same[1]).sum() / area))
    return {size: float(np.mean(values)) for size, values in scores.items()}


def semantic_pass(root: Path, num_classes: int = 124) -> float:
    """Mean IoU from one confusion matrix.

    Args:
        root: Folder of the VSPW layout.
        num_classes: Number of classes.
    """
    confusion = np.zeros(num_classes**2, np.int64)
    for name in (root / 'val.txt').read_text().split():
        for path in sorted((root / 'data' / name / 'mask').glob('*.png')):
            gt, pred = (np.asarray(Image.open(x)).astype(np.int64) for x in (path, root / 'pred' / name / path.name))
            valid = (gt > 0) & (gt <= num_classes)
            confusion += np.bincount((gt[valid] - 1) * num_classes + pred[valid], minlength=num_classes**2)
    matrix = confusion.reshape(num_classes, num_classes)
    union = matrix.sum(0) + matrix.sum(1) - np.diag(matrix)
    seen = matrix.sum(1) > 0
    return float((np.diag(matrix)[seen] / union[seen]).mean())


def track_pass(root: Path) -> float:
    """Spatio-temporal IoU of every pair of tracks of one class: areas, and one intersection a pair and frame.

    Args:
        root: Folder of the YouTube-VIS layout.

    Returns:
        Sum of all IoUs above 0.5.
    """
    gt = json.loads((root / 'gt.json').read_text())
    results = json.loads((root / 'results.json').read_text())
    total = 0.0
    tracks: dict[tuple[int, int], tuple[list, list]] = {}
    for entry in gt['annotations']:
        masks = [coco_mask.frPyObjects(x, *x['size']) for x in entry['segmentations']]
        tracks.setdefault((entry['video_id'], entry['category_id']), ([], []))[0].append(masks)
    for entry in results:
        masks = [{'size': x['size'], 'counts': x['counts'].encode()} for x in entry['segmentations']]
        tracks.setdefault((entry['video_id'], entry['category_id']), ([], []))[1].append(masks)
    for gt_tracks, pred_tracks in tracks.values():
        gt_areas, pred_areas = ([coco_mask.area(x).sum() for x in group] for group in (gt_tracks, pred_tracks))
        for a, a_area in zip(gt_tracks, gt_areas, strict=True):
            for b, b_area in zip(pred_tracks, pred_areas, strict=True):
                joint = sum(int(coco_mask.area(coco_mask.merge([x, y], True))) for x, y in zip(a, b, strict=True))
                iou = joint / (int(a_area) + int(b_area) - joint)
                total += iou if iou > 0.5 else 0
    return total
