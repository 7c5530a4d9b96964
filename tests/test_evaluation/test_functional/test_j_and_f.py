import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_evaluation.test_functional.test_boundaries import slow_f
from videoseg.evaluation.functional.j_and_f import JAndF

SIZE = (24, 32)  # diagonal 40, so the radius is ceil(0.32) = 1
fast = settings(derandomize=True, deadline=None, max_examples=20)


def frame(*boxes, size=SIZE):
    """Object map with box number i, (top, bottom, left, right), as object i + 1; None is absent."""
    ids = np.zeros(size, np.int32)
    for number, box in enumerate(boxes, 1):
        if box is not None:
            ids[box[0] : box[1], box[2] : box[3]] = number
    return ids


def feed(statistics, video_id, gt, pred, first=0):
    for t, maps in enumerate(zip(gt, pred, strict=True), first):
        statistics.update(video_id, t, *maps)
    return statistics


def score(gt, pred, **options):
    return feed(JAndF(**options), 'a', gt, pred).compute()


def random_video(seed, num_frames=6, num_objects=3):
    """Moving boxes, (T, H, W)."""
    rng = np.random.default_rng(seed)
    places = rng.integers(0, 16, (num_objects, 2))
    frames = []
    for _ in range(num_frames):
        places = places + rng.integers(-1, 2, places.shape)
        frames.append(frame(*[(max(y, 0), y + 7, max(x, 0), x + 9) for y, x in places]))
    return np.stack(frames)


def disturb(video, seed):
    shifts = np.random.default_rng(seed).integers(-2, 3, len(video))
    return np.stack([np.roll(x, int(s), axis=1) for x, s in zip(video, shifts, strict=True)])


def numbers(result):
    return [result[x] for x in JAndF.names]


def assert_same(result, other):
    assert numbers(result) == pytest.approx(numbers(other), abs=1e-12, nan_ok=True)


def test_j_by_hand():
    """IoU 1, 1/2 and 1/4 in the frames that count; both ends are wrong, which costs nothing."""
    gt = [frame((0, 8, 0, 8))] * 5
    pred = [frame(None), gt[0], frame((0, 8, 0, 4)), frame((0, 4, 0, 4)), frame((9, 12, 9, 12))]
    pred[0][9, 9] = pred[4][0, 30] = 1
    result = score(gt, pred)
    assert result['J_mean'] == pytest.approx((1 + 1 / 2 + 1 / 4) / 3)
    assert result['J_recall'] == pytest.approx(1 / 3)  # above 0.5, not equal to it
    # 3 values: limits 0, 0 (1.5 rounds up to 2, less 1: 1), 1, 2 (2.5 rounds to 3), 2
    assert result['J_decay'] == pytest.approx((1 + 1 / 2) / 2 - 1 / 4)
    kept = score(gt, pred, ends='keep')
    assert kept['J_mean'] == pytest.approx((1 + 1 / 2 + 1 / 4) / 5)


@pytest.mark.parametrize(('shift', 'expected'), [(0, 1.0), (1, 1.0), (2, None), (9, 0.0)])
def test_f_by_hand(shift, expected):
    """One pixel is within the radius of 1; nine are beyond everything."""
    gt, pred = frame((8, 14, 8, 14)), frame((8, 14, 8 + shift, 14 + shift))
    found = score([gt] * 3, [pred] * 3)
    assert found['F_mean'] == pytest.approx(slow_f(gt == 1, pred == 1, 1), abs=1e-12)
    if expected is not None:
        assert found['F_mean'] == pytest.approx(expected)
    assert found['J&F'] == pytest.approx((found['J_mean'] + found['F_mean']) / 2)


@pytest.mark.parametrize(('size', 'radius'), [((480, 854), 8), ((100, 100), 2)])
def test_the_radius_follows_the_diagonal(size, radius):
    """A box moved by the radius still has F = 1, moved by one pixel more it has not."""
    gt = frame((30, 60, 30, 60), size=size)
    for shift, full in ((radius, True), (radius + 1, False)):
        pred = frame((30, 60, 30 + shift, 60 + shift), size=size)
        assert (score([gt] * 3, [pred] * 3)['F_mean'] == 1) == full


def test_absent_objects():
    """Absent in both: 1. Only in one of them: 0."""
    box = (3, 9, 3, 9)
    gt = [frame(box), frame(None), frame(None), frame(box), frame(box)]
    pred = [frame(box), frame(None), frame(box), frame(None), frame(box)]
    found = score(gt, pred)['per_video']['a']['per_object'][1]
    assert found['J_mean'] == found['F_mean'] == pytest.approx(1 / 3)


def test_an_object_without_boundary():
    """It fills the image: J is 0 against nothing, but neither has a boundary."""
    full, empty = np.ones(SIZE, np.int32), np.zeros(SIZE, np.int32)
    assert (score([full] * 3, [empty] * 3)['J_mean'], score([full] * 3, [empty] * 3)['F_mean']) == (0, 1)
    result = score([full] * 3, [frame((0, 5, 0, 5))] * 3)
    assert result['F_mean'] == 0


def test_objects_that_are_never_predicted_count():
    gt = [frame((0, 6, 0, 6), (10, 16, 10, 16))] * 4
    pred = [frame((0, 6, 0, 6))] * 4
    result = score(gt, pred)
    assert result['J_mean'] == result['F_mean'] == 0.5
    assert result['per_video']['a']['num_objects'] == 2


def test_the_mean_is_over_objects_not_videos():
    one, two = frame((0, 6, 0, 6)), frame((0, 6, 0, 6), (10, 16, 10, 16))
    statistics = feed(JAndF(), 'a', [one] * 3, [one] * 3)
    result = feed(statistics, 'b', [two] * 3, [np.zeros(SIZE, int)] * 3).compute()
    assert result['J_mean'] == pytest.approx(1 / 3)
    assert [result['per_video'][x]['J_mean'] for x in 'ab'] == [1, 0]
    assert result['num_frames'] == 6


def test_recall_and_decay_over_eight_frames():
    """J of 1, 1, 1, 1, .5, .5, .25, .25: the first bin has values 0 ... 2, the last 5 ... 7 (limits 0, 2, 4, 5, 7)."""
    widths = [8, 8, 8, 8, 4, 4, 2, 2]
    gt, pred = frame((0, 8, 0, 8)), [frame((0, 8, 0, x)) for x in widths]
    result = score([gt] * 8, pred, ends='keep')
    assert result['J_recall'] == 0.5
    assert result['J_decay'] == pytest.approx(1 - (0.5 + 0.25 + 0.25) / 3)


def test_decay_of_a_long_video():
    """400 frames, wrong in the last quarter: uint8 turns the limits 0, 100, 200, 299, 399 into 0, 100, 200, 43, 143."""
    gt, empty = np.array([[1, 0], [0, 0]]), np.zeros((2, 2), int)
    pred = [gt if t < 300 else empty for t in range(400)]
    exact, wrapped = (score([gt] * 400, pred, ends='keep', decay_bins=x) for x in ('exact', 'uint8'))
    assert exact['J_decay'] == pytest.approx(1 - 1 / 101)
    assert wrapped['J_decay'] == pytest.approx(0)
    assert exact['J_mean'] == wrapped['J_mean'] == pytest.approx(0.75)


def test_wrapped_bins_may_be_empty():
    gt = np.array([[1, 0], [0, 0]])
    result = score([gt] * 280, [gt] * 280, ends='keep', decay_bins='uint8')  # limits 209 ... 23
    assert math.isnan(result['J_decay']) and result['J_mean'] == 1


@pytest.mark.parametrize('num_frames', [1, 2])
def test_videos_without_frames_that_count(num_frames):
    gt = frame((0, 6, 0, 6))
    statistics = feed(JAndF(), 'short', [gt] * num_frames, [gt] * num_frames)
    assert all(math.isnan(x) for x in numbers(statistics.compute()))
    result = feed(statistics, 'a', [gt] * 3, [gt] * 3).compute()
    assert result['J&F'] == 1 and math.isnan(result['per_video']['short']['J&F'])


def test_extra_objects():
    gt, pred = [frame((0, 6, 0, 6))] * 3, [frame((0, 6, 0, 6), (10, 12, 10, 12))] * 3
    with pytest.raises(ValueError, match=r"video 'a': predicted objects \[2\] are not in its ground truth.*\[1\]"):
        score(gt, pred)
    assert score(gt, pred, extra_ids='ignore')['J&F'] == 1


def test_an_object_that_starts_late_is_no_extra_one():
    box, late = (0, 6, 0, 6), (10, 16, 10, 16)
    gt = [frame(box), frame(box), frame(box, late), frame(box, late)]
    pred = [frame(box), frame(box, late), frame(box, late), frame(box, late)]
    found = score(gt, pred)['per_video']['a']['per_object']
    assert found[1]['J_mean'] == 1 and found[2]['J_mean'] == 0.5


def test_void_pixels():
    """The object is predicted right where the truth is known, and on void."""
    gt, pred = frame((8, 16, 0, 8)), frame((8, 16, 0, 16))
    gt[8:16, 8:16] = 255
    known = score([gt] * 3, [pred] * 3, void_label=255)
    ignored = score([gt] * 3, [pred] * 3, void_label=255, void_pixels='ignore')
    assert known['J_mean'] == 0.5 and known['F_mean'] < 1
    assert ignored['J_mean'] == ignored['F_mean'] == 1
    assert known['per_video']['a']['num_objects'] == 1
    assert score([gt] * 3, [pred] * 3)['per_video']['a']['num_objects'] == 2


def test_best_matching_by_hand():
    """Predictions under other ids, a surplus one, and one that is best for both objects but given to one."""
    gt = [frame((0, 6, 0, 6), (0, 6, 6, 12))] * 3
    pred = [np.zeros(SIZE, int) for _ in range(3)]
    for x in pred:
        x[0:6, 0:12], x[20:22, 20:22] = 90, 17
    result = score(gt, pred, matching='best')
    assert result['J_mean'] == pytest.approx(0.25)
    assert sorted(x['J_mean'] for x in result['per_video']['a']['per_object'].values()) == [0, 0.5]


def test_best_matching_is_by_the_whole_video():
    """Two tracks swap ids half way; the assignment that is right for longer is taken."""
    a, b = (0, 6, 0, 6), (10, 16, 10, 16)
    gt = [frame(a, b)] * 7
    pred = [np.where(x > 0, 50 - x, 0) for x in [frame(a, b)] * 5 + [frame(b, a)] * 2]
    result = score(gt, pred, matching='best')
    assert result['J_mean'] == pytest.approx(4 / 5)


@fast
@given(st.integers(0, 10**6))
def test_perfect_predictions_score_one(seed):
    gt = random_video(seed)
    result = score(gt, gt)
    assert numbers(result) == [1, 1, 1, 0, 1, 1, 0]
    assert_same(score(gt, gt * 7, matching='best'), result)


@fast
@given(st.integers(0, 10**6), st.permutations(range(1, 4)))
def test_ids_mean_nothing(seed, order):
    gt = random_video(seed)
    pred, table = disturb(gt, seed), np.array([0, *order])
    assert_same(score(table[gt], table[pred]), score(gt, pred))
    assert_same(score(gt, 100 * table[pred], matching='best'), score(gt, pred, matching='best'))


@fast
@given(st.integers(0, 10**6))
def test_best_is_at_least_as_good_as_ids(seed):
    gt = random_video(seed)
    pred = disturb(gt, seed)
    assert score(gt, pred, matching='best')['J&F'] >= score(gt, pred)['J&F'] - 1e-12


@fast
@given(st.integers(0, 10**6), st.permutations(range(6)))
def test_frames_may_come_in_any_order(seed, order):
    gt = random_video(seed)
    pred, statistics = disturb(gt, seed), JAndF()
    for t in order:
        statistics.update('a', t, gt[t], pred[t])
    assert_same(statistics.compute(), score(gt, pred))


def test_shards_in_any_order_equal_one_run():
    """Also where the frames of a video lie in two shards, and where a video is in two of them."""
    videos = {x: random_video(i) for i, x in enumerate('abc')}
    preds = {x: disturb(video, 9) for x, video in videos.items()}
    whole = JAndF()
    for name, video in videos.items():
        feed(whole, name, video, preds[name])
    for order in itertools.permutations(range(3)):
        shards = [JAndF() for _ in range(3)]
        feed(feed(shards[0], 'a', videos['a'], preds['a']), 'b', videos['b'][:2], preds['b'][:2])
        feed(shards[1], 'b', videos['b'][2:], preds['b'][2:], first=2)
        feed(feed(shards[2], 'c', videos['c'], preds['c']), 'a', videos['a'], preds['a'])
        merged = JAndF()
        for index in order:
            merged.merge(pickle.loads(pickle.dumps(shards[index])))
        assert_same(merged.compute(), whole.compute())
        assert list(merged.compute()['per_video']) == ['a', 'b', 'c']


def test_repeated_frames_count_once():
    gt = frame((0, 6, 0, 6))
    statistics = JAndF()
    assert statistics.update('a', 0, gt, gt) and not statistics.update('a', 0, gt, np.zeros_like(gt))
    assert len(statistics.videos['a'].frames) == 1


def test_statistics_of_a_frame_are_a_few_numbers():
    video = random_video(0, num_frames=50)
    statistics = feed(JAndF(), 'a', video, video)
    assert len(pickle.dumps(statistics)) < 50 * 1500


def test_protocol():
    assert JAndF(decay_bins='uint8').compute()['protocol'] == {
        'metric': 'JAndF',
        'matching': 'id',
        'void_label': None,
        'void_pixels': 'background',
        'ends': 'skip',
        'decay_bins': 'uint8',
        'extra_ids': 'error',
    }
    with pytest.raises(ValueError, match='different options'):
        JAndF().merge(JAndF(ends='keep'))


@pytest.mark.parametrize('name', ['matching', 'void_pixels', 'ends', 'decay_bins', 'extra_ids'])
def test_wrong_options(name):
    with pytest.raises(ValueError, match=f"{name} is 'x'"):
        JAndF(**{name: 'x'})


def test_wrong_maps():
    with pytest.raises(ValueError, match=r"video 'a', frame 3: ground truth is \(4, 5\), prediction \(5, 4\)"):
        JAndF().update('a', 3, np.zeros((4, 5), int), np.zeros((5, 4), int))
    with pytest.raises(ValueError, match="video 'a', frame 3: object ids are negative"):
        JAndF().update('a', 3, np.zeros((4, 5), int), np.full((4, 5), -1))


def test_inputs_are_not_changed():
    gt, pred = random_video(1)[:3], random_video(2)[:3]
    before = gt.copy(), pred.copy()
    score(gt, pred, void_label=1, void_pixels='ignore', extra_ids='ignore')
    assert (gt == before[0]).all() and (pred == before[1]).all()
