"""Predictions made from ground truth, queries shuffled in every window, through postprocessors and trackers.

A pipeline that only runs proves nothing: with perfect predictions the numbers must be near 1 where the tracker can do
it, and a tracker that only looks at the number of the query must fail.
"""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from videoseg.evaluation.functional import STQ, VPQ, joint_histogram
from videoseg.evaluation.functional.frame_masks import FrameMasks, GTTrack, PredTrack
from videoseg.evaluation.functional.semantic_iou import SemanticIoU
from videoseg.evaluation.functional.video_ap import VideoAP
from videoseg.evaluation.metrics.track_rows import best_tracks
from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction, FrameMeta
from videoseg.structures.ids import DIVISOR, VOID_ID, encode_ids
from videoseg.structures.rle import encode_masks
from videoseg.structures.windows import cut_windows

NUM_THINGS, NUM_STUFF, NUM_QUERIES, WIDTH_EMBED = 2, 2, 12, 64
SIZE, CANVAS, NUM_FRAMES = (48, 80), (64, 96), 14


@dataclass
class Disc:
    """A moving disc; the later in the list, the nearer to the camera."""

    label: int
    radius: float
    start: tuple[float, float]
    velocity: tuple[float, float]
    absent: range = range(0)


# Look-alikes of one class that cross, one after the other, and two of another class.
CROSSING = [
    Disc(0, 7, (10, 14), (4, 0.3)),
    Disc(0, 9, (70, 20), (-4, 0.2)),
    Disc(0, 6, (12, 36), (2, -0.5)),
    Disc(1, 8, (40, 36), (0, 0.2)),
    Disc(1, 5, (66, 40), (-3, -0.5)),
]
SLOWLY = [replace(disc, velocity=(disc.velocity[0] / 2, disc.velocity[1])) for disc in CROSSING]
SLOWLY = [replace(disc, start=(0.5 * disc.start[0] + 20, disc.start[1])) for disc in SLOWLY]
# One leaves for three frames and comes back elsewhere, another enters late through the border, one is covered.
COMING_AND_GOING = [
    Disc(0, 7, (12, 12), (3, 0), absent=range(4, 7)),
    Disc(0, 8, (60, 34), (-2, 0)),
    Disc(1, 6, (-12, 36), (4, 0)),
    Disc(1, 9, (62, 10), (0, 1)),
]


def render(discs):
    """Panoptic ids (T, H, W): discs with identities 1, 2, ... before two stuff halves."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    background = np.where(y < SIZE[0] // 2, NUM_THINGS, NUM_THINGS + 1) * DIVISOR
    video = np.repeat(background[None], NUM_FRAMES, 0)
    for t in range(NUM_FRAMES):
        for identity, disc in enumerate(discs, 1):
            cx, cy = (s + v * t for s, v in zip(disc.start, disc.velocity, strict=True))
            if t not in disc.absent:
                video[t][(x - cx) ** 2 + (y - cy) ** 2 <= disc.radius**2] = encode_ids(disc.label, identity)
    return video


class Oracle:
    """Perfect predictions of a video, in a new order of the queries in every window."""

    def __init__(self, video, free_stuff=False, seed=0):
        self.video, self.free_stuff = video, free_stuff
        self.rng = np.random.default_rng(seed)
        self.identity = {i: self.rng.normal(size=WIDTH_EMBED) for i in np.unique(video)}

    def __call__(self, start, stop):
        ids = self.video[start:stop]
        present = np.unique(ids)
        if not self.free_stuff:
            present = present[present // DIVISOR < NUM_THINGS]
        num_labels = NUM_THINGS + NUM_STUFF
        num_fixed = 0 if self.free_stuff else NUM_STUFF
        total = NUM_QUERIES + num_fixed
        scores = np.full((total, num_labels), 0.02)
        masks = np.full((total, stop - start, *CANVAS), -8.0)
        masks[:NUM_QUERIES, :, : SIZE[0], : SIZE[1]] = self.rng.normal(size=(NUM_QUERIES, stop - start, *SIZE))
        embeddings = self.rng.normal(size=(total, WIDTH_EMBED))
        slots = list(self.rng.permutation(NUM_QUERIES)[: len(present)])
        stuff = [NUM_THINGS * DIVISOR, (NUM_THINGS + 1) * DIVISOR] if num_fixed else []
        for query, one in zip([*slots, *range(NUM_QUERIES, total)], [*present, *stuff], strict=True):
            scores[query, one // DIVISOR] = self.rng.uniform(0.8, 0.9)
            masks[query, :, : SIZE[0], : SIZE[1]] = np.where(ids == one, 8.0, -8.0)
            embeddings[query] = self.identity[one] + 0.3 * self.rng.normal(size=WIDTH_EMBED)
        return self._pack(scores, masks, embeddings, num_fixed)

    def _pack(self, scores, masks, embeddings, num_fixed):
        scores = torch.tensor(scores)
        no_object = 1 - scores.sum(1, keepdim=True)
        logits = torch.cat([scores, no_object], 1).log() if self.free_stuff else scores.logit()
        embeddings = torch.tensor(embeddings, dtype=torch.float32)[None]
        return ClipPrediction(
            class_logits=logits.float()[None],
            mask_logits=torch.tensor(masks, dtype=torch.float32)[None],
            queries=embeddings,
            activation='softmax' if self.free_stuff else 'sigmoid',
            fixed_labels=ClipPrediction.panoptic_fixed_labels(NUM_QUERIES, NUM_THINGS, num_fixed),
            num_things=NUM_THINGS,
            embeddings=embeddings,
        )


def follow(oracle, postprocessor, tracker, window, overlap):
    """Ids of the whole video (T, H, W), window by window, as the segmentor does it."""
    state, start, frames = {}, 0, []
    while len(frames) < NUM_FRAMES:
        stop = min(start + window, NUM_FRAMES)
        meta = FrameMeta('video', list(range(start, stop)), SIZE, SIZE, CANVAS)
        prediction, state = tracker.align(oracle(start, stop), state)
        segments = postprocessor(prediction, meta)
        embeddings = prediction.embeddings[0][segments.query_index]
        segments.track_ids, state = tracker.associate(segments, embeddings, meta, state)
        frames.extend(as_ids(segments)[len(frames) - start :])
        start = stop - overlap
    return np.stack(frames)


def as_ids(segments):
    """Panoptic ids of a window; instance results are painted over the void."""
    if segments.segment_map is not None:
        return segments.panoptic_map(VOID_ID, DIVISOR).numpy()
    maps = np.full(segments.masks.shape[1:], VOID_ID)
    values = encode_ids(segments.labels, segments.track_ids).tolist()
    for mask, value in zip(segments.masks.numpy(), values, strict=True):
        maps[mask] = value
    return maps


def measure(truth, result):
    num_labels = NUM_THINGS + NUM_STUFF
    stq, vpq, miou = STQ(num_labels, range(NUM_THINGS)), VPQ(num_labels, range(NUM_THINGS)), SemanticIoU(num_labels)
    for t in range(NUM_FRAMES):
        histogram = joint_histogram(truth[t], result[t])
        for statistics in (stq, vpq, miou):
            statistics.update('video', t, histogram)
    return {**vpq.compute(), **stq.compute(), 'mIoU': miou.compute()['mIoU'], 'AP': measure_ap(truth, result)}


def measure_ap(truth, result):
    """AP of the tracks: a track is all things of one identity, under the class of most of its pixels."""
    ap, tracks = VideoAP(NUM_THINGS), []
    for maps in (truth, result):
        numbers = np.where(maps // DIVISOR < NUM_THINGS, maps % DIVISOR, 0)
        present = [x for x in np.unique(numbers) if x]
        labels = [int(np.bincount(maps[numbers == x] // DIVISOR).argmax()) for x in present]
        tracks.append((numbers, present, labels))
    for t in range(NUM_FRAMES):
        masks = [FrameMasks(ids, encode_masks([numbers[t] == x for x in ids])) for numbers, ids, _ in tracks]
        ap.update('video', t, *masks)
    (_, *gt), (_, *pred) = tracks
    gt = [GTTrack(*row) for row in zip(*gt, strict=True)]
    ap.finish_video('video', gt, [PredTrack(*row, score=0.5) for row in zip(*pred, strict=True)], NUM_FRAMES)
    return ap.compute()['AP']


PANOPTIC = {
    'joint': dict(),
    'joint_compat': dict(compat=True),
    'joint_filled': dict(void_fill='kept', overlap_thr=0.5),
    'best_class': dict(candidates='best_class'),
    'sequential': dict(merge='sequential', stuff_max_area=10),
    'softmax': dict(candidates='best_class', overlap_thr=0.8),
    'per_frame': dict(type='QueryPanopticPostprocessor', object_mask_thr=0.5),
    'per_frame_compat_softmax': dict(type='QueryPanopticPostprocessor', object_mask_thr=0.5, compat=True),
    'all_compete_softmax': dict(type='QueryPanopticPostprocessor', competitors='all', filter_low_score=False),
}
MATCHING = {
    'bisoftmax': dict(type='QuasiDenseEmbeddingTracker'),
    'cosine': dict(type='QuasiDenseEmbeddingTracker', match_metric='cosine'),
    'softmax': dict(type='QuasiDenseEmbeddingTracker', match_metric='softmax'),
    'mask_iou': dict(type='MaskIoUTracker'),
    'mask_iou_greedy': dict(type='MaskIoUTracker', matching='greedy'),
    'query': dict(type='QueryMatchingTracker'),
    'tube_memory': dict(type='TubeMemoryTracker'),
    'sort': dict(type='SORTBoxTracker'),
}
INDEX = dict(type='KernelIndexTracker')
WINDOWS = [(1, 0), (3, 1)]
REMEMBERING = ['bisoftmax', 'cosine', 'tube_memory']
# Every postprocessor with one tracker and every tracker with one postprocessor; all others are for the full suite.
COMBINATIONS = [
    pytest.param(
        postprocessor,
        tracker,
        *window,
        marks=() if postprocessor == 'joint' or tracker == 'bisoftmax' else pytest.mark.slow,
    )
    for postprocessor, tracker, window in itertools.product(PANOPTIC, MATCHING, WINDOWS)
]


def video_for(tracker, overlap):
    """Without a shared frame mask overlap can only follow what moves slowly."""
    return SLOWLY if tracker.startswith('mask_iou') and not overlap else CROSSING


def run(discs, postprocessor, tracker, window, overlap, **kwargs):
    truth = render(discs)
    parts = MODELS.build(postprocessor), MODELS.build(tracker)
    return truth, follow(Oracle(truth, **kwargs), *parts, window, overlap)


@pytest.mark.parametrize(('postprocessor', 'tracker', 'window', 'overlap'), COMBINATIONS)
def test_perfect_predictions_score_one(postprocessor, tracker, window, overlap):
    config = {'type': 'PanopticPostprocessor', **PANOPTIC[postprocessor]}
    free_stuff = postprocessor.endswith('softmax')
    numbers = measure(
        *run(video_for(tracker, overlap), config, MATCHING[tracker], window, overlap, free_stuff=free_stuff)
    )
    assert numbers['STQ'] >= 0.95
    assert numbers['VPQ'] >= 0.95
    assert numbers['AP'] == numbers['mIoU'] == 1


@pytest.mark.parametrize(('window', 'overlap'), WINDOWS)
@pytest.mark.parametrize('tracker', REMEMBERING)
def test_embeddings_find_objects_again(tracker, window, overlap):
    config = dict(type='PanopticPostprocessor')
    numbers = measure(*run(COMING_AND_GOING, config, MATCHING[tracker], window, overlap))
    assert numbers['STQ'] >= 0.95
    assert numbers['VPQ'] >= 0.95


@pytest.mark.parametrize(('window', 'overlap'), WINDOWS)
@pytest.mark.parametrize('tracker', MATCHING)
def test_instances_of_perfect_predictions(tracker, window, overlap):
    config = dict(type='InstancePostprocessor', score_thr=0.3)
    numbers = measure(*run(video_for(tracker, overlap), config, MATCHING[tracker], window, overlap))
    assert numbers['AQ'] >= 0.95
    assert min(numbers['per_class']['IoU'][:NUM_THINGS]) >= 0.95
    assert numbers['VPQ_thing'] >= 0.95
    assert numbers['AP'] == 1


@pytest.mark.parametrize('video', [CROSSING, SLOWLY, COMING_AND_GOING])
@pytest.mark.parametrize('postprocessor', PANOPTIC)
def test_kernel_index_fails_where_queries_are_shuffled(postprocessor, video):
    config = {'type': 'PanopticPostprocessor', **PANOPTIC[postprocessor]}
    numbers = measure(*run(video, config, INDEX, 1, 0, free_stuff=postprocessor.endswith('softmax')))
    assert numbers['SQ'] >= 0.95
    assert numbers['AQ'] <= 0.4
    assert numbers['STQ'] <= 0.65
    assert numbers['AP'] <= 0.2 and numbers['mIoU'] >= 0.95


def follow_slots(discs, tracker, window, overlap):
    """AP of instances that are chosen when the video ends: masks go to the statistics window by window."""
    truth = render(discs)
    oracle, tracker = Oracle(truth), MODELS.build(tracker)
    postprocessor = MODELS.build(dict(type='VideoInstancePostprocessor', max_per_video=40))
    ap, state, table = VideoAP(NUM_THINGS), {}, {}
    for start, stop, shared in cut_windows(NUM_FRAMES, window, overlap, 'balanced'):
        prediction, state = tracker.align(oracle(start, stop), state)
        segments = postprocessor(prediction, FrameMeta('video', list(range(start, stop)), SIZE, SIZE, CANVAS))
        segments.track_ids, state = tracker.associate(segments, None, None, state)
        table = postprocessor.update_table(table, prediction, segments, range(start + shared, stop))
        for t in range(start + shared, stop):
            numbers = np.where(truth[t] // DIVISOR < NUM_THINGS, truth[t] % DIVISOR, 0)
            present = [x for x in np.unique(numbers) if x]
            gt = FrameMasks(present, encode_masks([numbers == x for x in present]))
            masks = segments.masks[:, t - start].numpy()
            ap.update('video', t, gt, FrameMasks(segments.track_ids.tolist(), encode_masks(masks)))
    tracks = best_tracks(postprocessor.finish_table(table), 100)
    ap.finish_video('video', [GTTrack(i, disc.label) for i, disc in enumerate(discs, 1)], tracks, NUM_FRAMES)
    return ap.compute()['AP'], tracks


@pytest.mark.parametrize(('window', 'overlap'), [(1, 0), (4, 1), (NUM_FRAMES, 0)])
def test_instances_chosen_at_the_end(window, overlap):
    ap, tracks = follow_slots(CROSSING, MATCHING['query'], window, overlap)
    assert ap == 1
    assert [x.label for x in tracks[:5]].count(0) == 3
    # a query under another class shares the masks and has another score
    assert len({x.masks for x in tracks}) < len({x.id for x in tracks}) == len(tracks)
    by_index, _ = follow_slots(CROSSING, INDEX, window, overlap)
    assert by_index == 1 if window == NUM_FRAMES else by_index <= 0.2


def test_kernel_index_fails_on_instances():
    numbers = measure(*run(CROSSING, dict(type='InstancePostprocessor', score_thr=0.3), INDEX, 1, 0))
    assert numbers['AQ'] <= 0.4 and numbers['AP'] <= 0.2
    assert min(numbers['per_class']['IoU'][:NUM_THINGS]) >= 0.95


@pytest.mark.parametrize('tracker', [INDEX, *MATCHING.values()], ids=['index', *MATCHING])
def test_semantic_map_of_perfect_predictions(tracker):
    config = dict(type='SemanticPostprocessor')
    truth, result = run(CROSSING, config, tracker, 3, 1)
    assert (result % DIVISOR == 0).all()
    numbers = measure(truth, result)
    assert numbers['SQ'] >= 0.95
    assert numbers['mIoU'] >= 0.95


@pytest.mark.parametrize('other', ['bisoftmax', 'query', 'tube_memory', 'sort'])
def test_fast_crossings_need_embeddings_or_motion(other):
    config = dict(type='PanopticPostprocessor')
    by_iou, better = (measure(*run(CROSSING, config, MATCHING[x], 1, 0)) for x in ('mask_iou', other))
    assert by_iou['SQ'] == better['SQ']
    assert by_iou['AQ'] < better['AQ'] - 0.05


def test_numbers_fall_when_an_identity_is_swapped():
    truth, result = run(CROSSING, dict(type='PanopticPostprocessor'), MATCHING['bisoftmax'], 1, 0)
    first, second = (i for i in np.unique(result) if i // DIVISOR == 1)
    swapped = result.copy()
    swapped[7:][result[7:] == first], swapped[7:][result[7:] == second] = second, first
    assert measure(truth, swapped)['AQ'] < measure(truth, result)['AQ'] - 0.1
