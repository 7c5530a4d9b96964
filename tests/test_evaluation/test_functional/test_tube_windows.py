"""Windows that slide, against windows that are put together anew from scratch, with plain dicts."""

import numpy as np
import pytest

from videoseg.evaluation.functional import VPQ, joint_histogram

NUM_CLASSES = 3


def make_video(seed, num_frames, json_areas):
    """Maps and segments_info whose ids come and go, with classes and crowd flags that change over time."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(num_frames):
        frame = []
        for side in ('gt', 'pred'):
            numbers = rng.choice([0, 3, 900, 70000, 70001, 5, 16000000], size=4)
            ids = numbers[rng.choice(4, (6, 8), p=[0.1, 0.6, 0.2, 0.1])]
            if side == 'pred' and frame:
                ids = np.where(rng.random(ids.shape) < 0.7, frame[0][0], ids)
            present = rng.permutation(np.unique(ids[ids > 0]))
            infos = [
                {'id': int(x), 'category_id': int(rng.choice([x % 3, x % 2])), 'iscrowd': int(rng.random() < 0.3)}
                for x in present
            ]
            if json_areas and side == 'gt':
                infos = [{**x, 'area': int((ids == x['id']).sum() + rng.integers(0, 9))} for x in infos]
            frame.append((ids, infos))
        frames.append(frame)
    return frames


def tubes_of(window):
    """id -> [class, crowd, area] in the order of appearance."""
    tubes = {}
    for ids, infos in window:
        for info in infos:
            tube = tubes.setdefault(info['id'], [info['category_id'], info.get('iscrowd', 0), 0])
            tube[2] += info.get('area', int((ids == info['id']).sum()))
    return tubes


def count_window(window, last_crowd_only):
    """(K, 4) counts of one window, rule by rule of section 2 of the specification."""
    gt, pred = (tubes_of([frame[side] for frame in window]) for side in (0, 1))
    for frame in window:  # predicted crowd flags and areas do not exist
        assert all('area' not in info for info in frame[1][1])
    gt_map, pred_map = (np.concatenate([frame[side][0] for frame in window]) for side in (0, 1))
    counts, matched_gt, matched_pred = np.zeros((NUM_CLASSES, 4)), set(), set()
    for g, (label, crowd, area) in gt.items():
        for p, (pred_label, _, pred_area) in pred.items():
            overlap = ((gt_map == g) & (pred_map == p)).sum()
            union = area + pred_area - overlap - ((gt_map == 0) & (pred_map == p)).sum()
            if not crowd and label == pred_label and overlap / union > 0.5:
                counts[label] += overlap / union, 1, 0, 0
                matched_gt.add(g)
                matched_pred.add(p)
    for g, (label, crowd, _) in gt.items():
        counts[label, 3] += not crowd and g not in matched_gt
    for p, (label, _, area) in pred.items():
        crowds = [g for g, (x, crowd, _) in gt.items() if crowd and x == label]
        ignored = [0, *crowds[-1:]] if last_crowd_only else [0, *crowds]
        share = (np.isin(gt_map, ignored) & (pred_map == p)).sum() / area
        counts[label, 2] += p not in matched_pred and share <= 0.5
    return counts


@pytest.mark.parametrize('last_crowd_only', [False, True])
@pytest.mark.parametrize('json_areas', [False, True])
@pytest.mark.parametrize('seed', range(4))
def test_equals_windows_from_scratch(seed, json_areas, last_crowd_only):
    sizes = (3, 1, 5, 2)
    frames = make_video(seed, 12, json_areas)
    statistics = VPQ(NUM_CLASSES, [0], sizes, last_crowd_only=last_crowd_only)
    for t, ((gt, gt_infos), (pred, pred_infos)) in enumerate(frames):
        statistics.update('a', t, joint_histogram(gt, pred), gt_infos, pred_infos)
    video = statistics.videos['a']
    for row, size in enumerate(sizes):
        windows = [frames[start : start + size] for start in range(len(frames) - size + 1)]
        expected = sum(count_window(window, last_crowd_only) for window in windows)
        assert expected.sum(0).min() > 0  # every kind of outcome occurs
        np.testing.assert_allclose(video.counts[row], expected, rtol=0, atol=1e-9)
        assert video.num_windows[row] == len(windows)


def test_windows_do_not_depend_on_each_other():
    frames = make_video(9, 10, False)
    histograms = [joint_histogram(gt, pred) for (gt, _), (pred, _) in frames]
    together = VPQ(NUM_CLASSES, [0], (1, 2, 4, 6))
    alone = [VPQ(NUM_CLASSES, [0], (size,)) for size in together.windows]
    for t, ((_, gt_infos), (_, pred_infos)) in enumerate(frames):
        for statistics in (together, *alone):
            statistics.update('a', t, histograms[t], gt_infos, pred_infos)
    for row, statistics in enumerate(alone):
        np.testing.assert_array_equal(together.videos['a'].counts[row], statistics.videos['a'].counts[0])


def test_only_ids_of_the_last_frames_are_known():
    """New ids in every frame of a long video: nothing of them stays."""
    statistics = VPQ(NUM_CLASSES, [0], (1, 4))
    for t in range(300):
        ids = np.repeat([[1000 * t + 1, 1000 * t + 2]], 4)
        infos = [{'id': int(x), 'category_id': 0} for x in np.unique(ids)]
        statistics.update('a', t, joint_histogram(ids, ids), infos, infos)
    recent = statistics.videos['a'].recent
    assert (len(recent.gt), len(recent.pred), len(recent.pairs)) == (8, 8, 8)
    assert recent.gt.values.shape[0] == 4


def test_empty_frames_and_ids_that_return():
    a, nothing = np.array([[7, 7]]), np.array([[0, 0]])
    info = [{'id': 7, 'category_id': 1}]
    statistics = VPQ(NUM_CLASSES, [0], (1, 2, 3))
    for t, (gt, pred) in enumerate([(a, a), (nothing, nothing), (nothing, a), (a, nothing), (a, a)]):
        statistics.update('a', t, joint_histogram(gt, pred), info * (gt is a), info * (pred is a))
    counts = statistics.videos['a'].counts[:, 1]
    assert counts[0].tolist() == [2, 2, 0, 1]
    # Windows of 2: a match; an excused prediction; the same and a miss; IoU 2 / 4, which is not above a half.
    assert counts[1].tolist() == [1, 1, 1, 2]
    # Windows of 3: a match, void leaves its union; an excused prediction and a miss; IoU 2 / 4, half on void: wrong.
    assert counts[2].tolist() == [1, 1, 1, 2]
