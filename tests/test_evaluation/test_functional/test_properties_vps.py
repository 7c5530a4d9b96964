"""What must hold for any panoptic video: STQ, VPQ by both rules, PQ, DVPQ."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videoseg.evaluation.functional import DVPQ, PQ, STQ, VPQ, joint_histogram
from videoseg.structures.ids import DIVISOR, VOID_ID

NUM_CLASSES, THINGS = 4, (0, 1)
# Two thing classes with crowd (instance 0), two stuff classes, void.
IDS = [0, 1, 2, DIVISOR, DIVISOR + 1, 2 * DIVISOR, 3 * DIVISOR, VOID_ID]
METRICS = {
    'STQ': lambda: STQ(NUM_CLASSES, THINGS),
    'STQ without void': lambda: STQ(NUM_CLASSES, THINGS, void_pixels='drop'),
    'VPQ json': lambda: VPQ(NUM_CLASSES, THINGS, (1, 2, 4)),
    'VPQ label_divisor': lambda: VPQ(NUM_CLASSES, THINGS, (1, 2, 4), rules='label_divisor'),
    'PQ': lambda: PQ(NUM_CLASSES, THINGS),
    'DVPQ': lambda: DVPQ(NUM_CLASSES, THINGS, (1, 2, 4)),
}
every_metric = pytest.mark.parametrize('metric', METRICS)
check = settings(max_examples=12, derandomize=True, deadline=None)


@st.composite
def videos(draw, min_frames=1):
    """Ground truth, a prediction that shares many pixels with it, true and predicted depth; each (T, 3, 4)."""
    shape = draw(st.integers(min_frames, 5)), 3, 4
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    palette = rng.choice(IDS, draw(st.integers(1, len(IDS))))
    change, wrong = draw(st.sampled_from([0, 0.2, 1])), draw(st.sampled_from([0, 0.3, 1]))
    gt = np.where(rng.random(shape) < change, rng.choice(palette, shape), rng.choice(palette, shape[1:]))
    pred = np.where(rng.random(shape) < wrong, rng.choice(IDS, shape), gt)
    true, depth = rng.integers(0, 6, (2, *shape)).astype(np.uint16)
    return gt, pred, true, np.where(rng.random(shape) < draw(st.sampled_from([0.5, 1])), true, depth)


def feed(statistics, video_id, video, frames=None):
    for t in range(len(video[0])) if frames is None else frames:
        gt, pred, true, depth = (x[t] for x in video)
        if isinstance(statistics, DVPQ):
            statistics.update(video_id, t, gt, pred, true, depth)
        else:
            statistics.update(video_id, t, joint_histogram(gt, pred))
    return statistics


def numbers(result, names):
    return np.array([result[x] for x in names])


def assert_same(a, b, statistics, exact=False):
    """Equal numbers, of all classes and videos too."""
    rtol = 0 if exact else 1e-12
    for one, other in ((a, b), *((a['per_video'][x], b['per_video'][x]) for x in a['per_video'])):
        np.testing.assert_allclose(
            numbers(one, statistics.names), numbers(other, statistics.names), rtol=rtol, atol=0 if exact else 1e-12
        )
    assert set(a['per_class']) == set(b['per_class'])
    for name, column in a['per_class'].items():
        np.testing.assert_allclose(column, b['per_class'][name], rtol=rtol, atol=0 if exact else 1e-12)


@every_metric
@check
@given(video=videos())
def test_numbers_are_within_0_and_1_and_agree_with_the_contract(metric, video):
    statistics = feed(METRICS[metric](), 'a', video)
    result = statistics.compute()
    values = numbers(result, statistics.names)
    assert np.all(np.isnan(values) | ((values >= 0) & (values <= 1)))
    assert set(result['per_video']['a']) >= {*statistics.names, 'num_frames'}
    assert all(len(column) == NUM_CLASSES for column in result['per_class'].values())
    assert result['num_frames'] == len(video[0])


@every_metric
@check
@given(video=videos())
def test_perfect_prediction_gives_1(metric, video):
    gt, _, true, _ = video
    statistics = feed(METRICS[metric](), 'a', (gt, gt, true, true))
    result = statistics.compute()
    values = numbers(result, statistics.names)
    if metric.startswith('STQ'):
        labels, instances = np.divmod(gt, DIVISOR)
        has_tubes = bool((np.isin(labels, THINGS) & (instances > 0)).any())
        is_void = bool((gt == VOID_ID).all())
        expected = [np.nan if is_void else float(has_tubes), float(has_tubes), np.nan if is_void else 1.0]
        np.testing.assert_array_equal(values, expected)  # without tubes AQ and STQ are 0 by definition
    else:
        assert np.all((values == 1) | np.isnan(values))
        crowd = (gt % DIVISOR == 0) & np.isin(gt // DIVISOR, THINGS) & (metric in ('PQ', 'VPQ json'))
        assert np.isnan(values[0]) == ((gt == VOID_ID) | crowd).all()


@every_metric
@check
@given(video=videos(), seed=st.integers(0, 99))
def test_permuted_predicted_ids_change_nothing(metric, video, seed):
    gt, pred, true, depth = video
    names = np.random.default_rng(seed).permutation(50)  # of every class apart; instance 0 may get any name
    labels, instances = np.divmod(pred, DIVISOR)
    renamed = np.where(pred == VOID_ID, pred, labels * DIVISOR + names[instances + 3 * (labels % 7)])
    a, b = (feed(METRICS[metric](), 'a', (gt, x, true, depth)) for x in (pred, renamed))
    assert_same(a.compute(), b.compute(), a)


@every_metric
@check
@given(parts=st.lists(videos(), min_size=3, max_size=3), order=st.permutations(range(3)))
def test_shards_merged_in_any_order_equal_one_run(metric, parts, order):
    make = METRICS[metric]
    whole, shards = make(), [make() for _ in parts]
    for index, video in enumerate(parts):
        feed(whole, f'video {index}', video)
        feed(shards[index], f'video {index}', video)
    feed(shards[0], 'video 1', parts[1])  # a sampler repeats videos
    merged = make()
    for index in order:
        merged.merge(shards[index])
    assert_same(whole.compute(), merged.compute(), whole, exact=True)


@pytest.mark.parametrize('metric', ['STQ', 'STQ without void', 'PQ'])
@check
@given(video=videos(min_frames=2), cut=st.integers(1, 4), swap=st.booleans())
def test_videos_may_be_split_where_windows_do_not_matter(metric, video, cut, swap):
    num_frames = len(video[0])
    parts = [feed(METRICS[metric](), 'a', video, x) for x in (range(min(cut, num_frames)), range(cut, num_frames))]
    first, second = parts[::-1] if swap else parts
    first.merge(second)
    assert_same(feed(METRICS[metric](), 'a', video).compute(), first.compute(), first)


def with_void_frame(video, extra):
    """The video and one more frame that is void in the ground truth, with any prediction and depth."""
    gt, pred, true, depth = (np.concatenate([x, y[:1]]) for x, y in zip(video, extra, strict=True))
    gt[-1] = VOID_ID
    return gt, pred, true, depth


@every_metric
@check
@given(video=videos(), extra=videos())
def test_void_video_changes_nothing_but_the_number_of_frames(metric, video, extra):
    """All numbers, of classes and other videos too; its own are NaN, as AQ is 0 and SQ NaN without any union."""
    statistics = feed(METRICS[metric](), 'a', video)
    before = statistics.compute()
    void = (np.full_like(extra[0], VOID_ID), *extra[1:])
    after = feed(statistics, 'void', void).compute()
    assert after['num_frames'] == before['num_frames'] + len(extra[0])
    assert_same(before, after, statistics, exact=True)
    own = numbers(after['per_video']['void'], statistics.names)
    expected = [np.nan, 0, np.nan] if metric.startswith('STQ') else [np.nan] * len(own)
    np.testing.assert_array_equal(own, expected)


@pytest.mark.parametrize('metric', ['PQ', 'STQ without void', 'VPQ json', 'VPQ label_divisor', 'DVPQ'])
@check
@given(video=videos(), extra=videos())
def test_void_frame_changes_no_number_of_single_frames(metric, video, extra):
    """PQ, STQ without void pixels, VPQ_1 and DVPQ_1@lambda of a video stay; longer windows gain windows."""
    a, b = feed(METRICS[metric](), 'a', video), feed(METRICS[metric](), 'a', with_void_frame(video, extra))
    names = [x for x in a.names if metric in ('PQ', 'STQ without void') or x.startswith(('VPQ_1', 'DVPQ_1@'))]
    assert names
    before, after = a.compute(), b.compute()
    np.testing.assert_array_equal(numbers(before, names), numbers(after, names))
    assert after['num_frames'] == before['num_frames'] + 1


@check
@given(video=videos(), extra=videos())
def test_void_frame_lowers_only_association_of_stq(video, extra):
    """By deeplab2's rule: SQ and the tubes stay, AQ falls or stays, and stays if no thing is predicted there."""
    a, b = feed(METRICS['STQ'](), 'a', video), feed(METRICS['STQ'](), 'a', with_void_frame(video, extra))
    before, after = a.compute(), b.compute()
    np.testing.assert_array_equal(numbers(before, ['SQ', 'num_tubes']), numbers(after, ['SQ', 'num_tubes']))
    np.testing.assert_array_equal(before['per_class']['IoU'], after['per_class']['IoU'])
    assert after['AQ'] <= before['AQ']
    if not np.isin(extra[1][0] // DIVISOR, THINGS).any():
        assert after['AQ'] == before['AQ']


@pytest.mark.parametrize('metric', ['VPQ json', 'VPQ label_divisor'])
@check
@given(video=videos(), extra=videos())
def test_void_frame_with_empty_prediction_adds_only_shorter_windows(metric, video, extra):
    """A window of k frames that ends in the void frame counts what a window of its other k - 1 frames counts."""
    gt, pred, *depth = with_void_frame(video, extra)
    pred[-1] = VOID_ID
    a, b = feed(METRICS[metric](), 'a', video), feed(METRICS[metric](), 'a', (gt, pred, *depth))
    for size, shorter in ((2, 1), (4, 3)):
        row = a.windows.index(size)
        added = b.videos['a'].counts[row] - a.videos['a'].counts[row]
        last = VPQ(NUM_CLASSES, THINGS, (shorter,), rules=a.rules.rules)
        expected = np.zeros_like(added)
        if len(video[0]) >= shorter:
            feed(last, 'a', tuple(x[-shorter:] for x in video))
            expected = last.videos['a'].counts[0]
        np.testing.assert_allclose(added, expected, rtol=0, atol=1e-12)
