"""Small made-up videos of tracks with masks, and video AP by plain loops."""

import gzip
import json
from dataclasses import dataclass

import numpy as np

from tests.parity_data import parity_file
from videoseg.evaluation.functional.frame_masks import FrameMasks, GTTrack, PredTrack
from videoseg.evaluation.functional.video_ap import VideoAP
from videoseg.structures.rle import encode_masks

SIZE = (12, 16)
NUM_CLASSES = 3


@dataclass
class TrackVideo:
    """One video: tracks and their masks, (n, T, H, W) bool; a track without pixels in a frame is absent there."""

    gt: list[GTTrack]
    gt_masks: np.ndarray
    pred: list[PredTrack]
    pred_masks: np.ndarray

    @property
    def num_frames(self):
        return self.gt_masks.shape[1]

    def feed(self, statistics, video_id, frames=None, visible_only=True):
        """Give the video to statistics."""
        for t in range(self.num_frames) if frames is None else frames:
            gt = frame_masks([x.id for x in self.gt], self.gt_masks[:, t], visible_only)
            pred = frame_masks([x.masks for x in self.pred], self.pred_masks[:, t], visible_only)
            statistics.update(video_id, t, gt, pred)
        statistics.finish_video(video_id, self.gt, self.pred, self.num_frames)
        return statistics


def frame_masks(ids, masks, visible_only=True):
    """The masks of a frame that are not empty."""
    keep = [i for i, mask in enumerate(masks) if mask.any() or not visible_only]
    return FrameMasks([ids[i] for i in keep], encode_masks(masks[keep]))


def box_track(rng, num_frames):
    """A moving rectangle that is absent now and then, never at first, (T, H, W) bool."""
    masks = np.zeros((num_frames, *SIZE), bool)
    top, left = rng.integers(0, 7), rng.integers(0, 9)
    height, width = rng.integers(3, 7, 2)
    for t in range(num_frames):
        if t == 0 or rng.random() < 0.85:
            shift = int(rng.integers(-1, 2))
            masks[t, top : top + height, max(left + shift, 0) : left + shift + width] = True
    return masks


def make_video(seed, num_frames=4, num_gt=4, num_pred=8):
    """Random tracks, the first no crowd; most predictions are disturbed ground truth. All scores differ."""
    rng = np.random.default_rng(seed)
    gt_masks = np.stack([box_track(rng, num_frames) for _ in range(num_gt)])
    gt = [
        GTTrack(10 + i, int(rng.integers(NUM_CLASSES)), bool(i and rng.random() < 0.15), occlusion=float(rng.random()))
        for i in range(num_gt)
    ]
    masks, pred = [], []
    for i, score in enumerate(rng.permutation(num_pred)):
        base = int(rng.integers(num_gt))
        source = gt_masks[base] if rng.random() < 0.8 else box_track(rng, num_frames)
        masks.append(source & (rng.random(source.shape) < rng.uniform(0.5, 1.1)))
        label = gt[base].label if rng.random() < 0.8 else int(rng.integers(NUM_CLASSES))
        pred.append(PredTrack(100 + i, label, (score + rng.random()) / num_pred))
    return TrackVideo(gt, gt_masks, pred, np.stack(masks))


def perfect(video):
    """The same video with the ground truth as prediction; crowd is not predicted."""
    keep = [i for i, x in enumerate(video.gt) if not x.is_crowd]
    pred = [PredTrack(500 + i, video.gt[i].label, 0.5) for i in keep]
    return TrackVideo(video.gt, video.gt_masks, pred, video.gt_masks[keep])


def slow_ap(videos, area_range=(0, float('inf')), occlusion_range=None, max_detections=100):
    """AP and AR of all classes together, loop by loop as ``specs/evaluators.md`` section 7 says it. -> (AP, AR)."""
    thresholds = np.linspace(0.5, 0.95, 10)
    precisions, recalls = [], []
    for label in range(NUM_CLASSES):
        for threshold in thresholds:
            rows, num_gt = [], 0
            for video in videos:
                found, count = slow_match(video, label, threshold, area_range, occlusion_range, max_detections)
                rows, num_gt = rows + found, num_gt + count
            if not num_gt:
                continue
            rows.sort(key=lambda x: -x[0])
            hits, ranks = 0, []
            for number, (_, hit) in enumerate(rows, 1):
                hits += hit
                ranks.append((hits / num_gt, hits / number))
            recalls.append(hits / num_gt)
            for point in np.linspace(0, 1, 101):
                precisions.append(max((p for r, p in ranks if r >= point), default=0))
    return (np.mean(precisions), np.mean(recalls)) if recalls else (np.nan, np.nan)


def slow_match(video, label, threshold, area_range, occlusion_range, max_detections):
    """(score, is hit) of the predictions that count, and the number of ground truth tracks that count."""

    def mean_area(masks):
        pixels = masks.sum((1, 2))
        return pixels[pixels > 0].mean() if pixels.any() else 0

    def is_ignored(track, masks):
        hidden = occlusion_range and not occlusion_range[0] <= track.occlusion <= occlusion_range[1]
        return track.is_crowd or not area_range[0] <= mean_area(masks) <= area_range[1] or bool(hidden)

    gt = [(x, masks) for x, masks in zip(video.gt, video.gt_masks, strict=True) if x.label == label]
    pred = [(x, masks) for x, masks in zip(video.pred, video.pred_masks, strict=True) if x.label == label]
    pred = sorted(pred, key=lambda x: -x[0].score)[:max_detections]
    used, rows = set(), []
    for track, masks in pred:
        best = None
        for want_ignored in (False, True):
            for other, other_masks in gt:
                if best is not None and best[2] != want_ignored:
                    continue
                if is_ignored(other, other_masks) != want_ignored or (other.id in used and not other.is_crowd):
                    continue
                union = (masks | other_masks).sum()
                iou = (masks & other_masks).sum() / union if union else 0
                if iou >= min(threshold, 1 - 1e-10) and (best is None or iou >= best[0]):
                    best = (iou, other.id, want_ignored)
        if best is not None:
            used.add(best[1])
        outside = not area_range[0] <= mean_area(masks) <= area_range[1]
        if not (best[2] if best is not None else outside):
            rows.append((track.score, best is not None))
    return rows, sum(not is_ignored(x, masks) for x, masks in gt)


def recorded_tracks():
    """The recorded input, expected numbers and tolerance of the group ``ytvis``."""
    record = json.loads(parity_file('metrics', 'ytvis.json').read_text())
    with gzip.open(parity_file('metrics', 'ytvis.input.json.gz')) as file:
        return json.load(file), record['expected'], record['tolerance']


def score(videos, **options):
    """Video AP of videos by their ids."""
    statistics = VideoAP(NUM_CLASSES, **options)
    for video_id, video in videos.items():
        video.feed(statistics, video_id)
    return statistics.compute()


def stripes(*rows, num_frames=1):
    """Masks (n, T, 12, 16) of the first so many columns each; a tuple has one number a frame."""
    rows = [x if isinstance(x, tuple) else (x,) * num_frames for x in rows]
    masks = np.zeros((len(rows), len(rows[0]), *SIZE), bool)
    for i, row in enumerate(rows):
        for t, columns in enumerate(row):
            masks[i, t, :, :columns] = True
    return masks


def single(gt, pred, num_frames=1):
    """One video of class 0; gt: (columns, more arguments), pred: (columns, score)."""
    return TrackVideo(
        [GTTrack(i + 1, 0, **more) for i, (_, more) in enumerate(gt)],
        stripes(*[x for x, _ in gt], num_frames=num_frames) if gt else np.zeros((0, num_frames, *SIZE), bool),
        [PredTrack(i + 1, 0, x) for i, (_, x) in enumerate(pred)],
        stripes(*[x for x, _ in pred], num_frames=num_frames) if pred else np.zeros((0, num_frames, *SIZE), bool),
    )
