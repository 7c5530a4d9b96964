"""Small made-up panoptic clips and the recorded ones."""

import gzip
import itertools
import json
from functools import cache

import numpy as np

from tests.parity_data import parity_file
from videoseg.evaluation.functional import joint_histogram
from videoseg.structures.ids import DIVISOR, VOID_ID

NUM_CLASSES = 4
THINGS = (0, 1)


def ids(rows):
    """Panoptic ids from rows of (label, instance) or None = void."""
    return np.array([[VOID_ID if x is None else x[0] * DIVISOR + x[1] for x in row] for row in rows], np.int32)


def make_clip(seed, num_frames=9, size=(24, 32), void=True, crowd=True):
    """Stuff stripes with moving things; the first things come and go. -> (T, H, W) int32."""
    rng = np.random.default_rng(seed)
    height, width = size
    frames = np.full((num_frames, height, width), 2 * DIVISOR, np.int32)
    frames[:, : height // 2] = 3 * DIVISOR
    for instance in range(1, 6):
        y, x = rng.integers(0, height - 6), rng.integers(0, width - 8)
        step, start = rng.integers(-2, 3), rng.integers(0, 3)
        for t in range(start, num_frames):
            left = int(np.clip(x + step * t, 0, width - 8))
            frames[t, y : y + 6, left : left + 8] = (instance % 2) * DIVISOR + instance
    if crowd:
        frames[:, -3:, :5] = 0  # class 0, instance 0
    if void:
        frames[:, :2] = VOID_ID
    return frames


def disturb(clip, seed):
    """A prediction: things shifted, some ids swapped over time, some pixels relabelled."""
    rng = np.random.default_rng(seed)
    pred = np.roll(clip, 2, axis=2)
    pred[len(pred) // 2 :][pred[len(pred) // 2 :] == DIVISOR + 1] = DIVISOR + 7
    noise = rng.random(pred.shape) < 0.05
    return np.where(noise, 2 * DIVISOR, np.where(pred == VOID_ID, 3 * DIVISOR, pred)).astype(np.int32)


def feed(statistics, video_id, gt, pred, first=0, weights=None):
    """Give the frames of a clip to STQ or VPQ statistics."""
    for t, (a, b) in enumerate(zip(gt, pred, strict=True)):
        statistics.update(video_id, first + t, joint_histogram(a, b, weights))
    return statistics


def whole_and_merged(make, split_video):
    """Numbers of four clips in one run, and merged from three shards; one pair for every order of the shards.

    Two shards hold video 0, and two frames of video 1 stand alone in the first shard.

    Args:
        make: Makes empty statistics.
        split_video: Whether the second shard has only the other frames of video 1; otherwise it has all.
    """
    clips = [make_clip(seed, num_frames=3 + seed) for seed in range(4)]
    preds = [disturb(clip, seed) for seed, clip in enumerate(clips)]
    whole, rest = make(), 2 if split_video else 0
    for i in range(4):
        feed(whole, str(i), clips[i], preds[i])
    for order in itertools.permutations(range(3)):
        shards = [make() for _ in range(3)]
        feed(feed(shards[0], '0', clips[0], preds[0]), '1', clips[1][:2], preds[1][:2])
        feed(feed(shards[1], '1', clips[1][rest:], preds[1][rest:], first=rest), '2', clips[2], preds[2])
        feed(feed(shards[2], '3', clips[3], preds[3]), '0', clips[0], preds[0])
        merged = make()
        for index in order:
            merged.merge(shards[index])
        yield whole.compute(), merged.compute()


@cache
def recorded(group):
    """Arrays, expected values and parameters of a recorded group of metrics."""
    record = json.loads(parity_file('metrics', f'{group}.json').read_text())
    with np.load(parity_file('metrics', f'{group}.npz')) as file:
        arrays = {key: file[key] for key in file.files}
    return arrays, record['expected'], record['params'], record['tolerance']


@cache
def recorded_segments(group):
    """Recorded json input: set of videos -> video -> ``gt``/``pred`` -> ``segments_info`` of every frame."""
    with gzip.open(parity_file('metrics', f'{group}.input.json.gz')) as file:
        return json.load(file)
