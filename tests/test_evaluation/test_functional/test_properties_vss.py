"""What must hold for any semantic video: mIoU, VC, TC."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videoseg.evaluation.functional import joint_histogram
from videoseg.evaluation.functional.semantic_iou import SemanticIoU
from videoseg.evaluation.functional.temporal_consistency import TemporalConsistency
from videoseg.evaluation.functional.video_consistency import VideoConsistency

NUM_CLASSES, VOID = 4, 255
METRICS = {
    'mIoU': lambda: SemanticIoU(NUM_CLASSES, divisor=1),
    'mIoU of mmseg': lambda: SemanticIoU(NUM_CLASSES, class_average='union', pred_void='miss', divisor=1),
    'VC': lambda: VideoConsistency((1, 2, 3)),
    'VC pooled, with the last window': lambda: VideoConsistency((2, 4), last_window=True, pooled=True),
    'TC': lambda: TemporalConsistency(NUM_CLASSES, max_videos=None),
}
every_metric = pytest.mark.parametrize('metric', METRICS)
check = settings(max_examples=25, derandomize=True, deadline=None)


@st.composite
def videos(draw):
    """Ground truth with void, a prediction that shares many pixels with it, flow to each frame; (T, 3, 5) and more."""
    shape = draw(st.integers(1, 6)), 3, 5
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    palette = np.array([0, VOID, 1, 2, 3])[: draw(st.integers(1, 5))]
    change, wrong = draw(st.sampled_from([0, 0.2, 1])), draw(st.sampled_from([0, 0.3, 1]))
    gt = np.where(rng.random(shape) < change, rng.choice(palette, shape), rng.choice(palette, shape[1:]))
    noise = rng.integers(0, NUM_CLASSES, shape)
    pred = np.where((rng.random(shape) < wrong) | (gt == VOID), noise, gt)
    flow = draw(st.sampled_from([0, 1.7])) * rng.standard_normal((shape[0], 2, *shape[1:])).astype(np.float32)
    return gt.astype(np.uint8), pred.astype(np.uint8), flow


def feed(statistics, video_id, video, first=0):
    for t, (gt, pred, flow) in enumerate(zip(*video, strict=True)):
        if isinstance(statistics, SemanticIoU):
            statistics.update(video_id, first + t, joint_histogram(gt, pred))
        elif isinstance(statistics, VideoConsistency):
            statistics.update(video_id, first + t, gt, pred)
        else:
            statistics.update(video_id, first + t, pred, flow if t else None)
    return statistics


def assert_same(a, b):
    """Equal to the last bit: numbers, per video, per class."""
    assert a.keys() == b.keys()
    for key in a:
        if isinstance(a[key], dict):
            assert_same(a[key], b[key])
        else:
            np.testing.assert_array_equal(a[key], b[key])


@every_metric
@check
@given(clips=st.lists(videos(), min_size=1, max_size=5), order=st.randoms(use_true_random=False))
def test_shards_in_any_order_are_one_run(metric, clips, order):
    whole = METRICS[metric]()
    parts = [METRICS[metric]() for _ in range(3)]
    for index, clip in enumerate(clips):
        feed(whole, str(index), clip)
        for part in order.sample(parts, order.randint(1, 3)):  # in one or several, as samplers pad
            feed(part, str(index), clip)
    order.shuffle(parts)
    merged = METRICS[metric]()
    for part in parts:
        merged.merge(part)
    assert_same(merged.compute(), whole.compute())


@every_metric
@check
@given(video=videos())
def test_numbers_are_shares(metric, video):
    statistics = feed(METRICS[metric](), 'a', video)
    result = statistics.compute()
    for name in statistics.names:
        assert np.isnan(result[name]) or 0 <= result[name] <= 1
        assert result['per_video']['a'][name] == result[name] or np.isnan(result[name])


@check
@given(video=videos())
def test_perfect_predictions_have_1(video):
    gt, pred, flow = video
    right = np.where(gt == VOID, pred, gt)
    for average in ('gt', 'union'):
        result = feed(SemanticIoU(NUM_CLASSES, average, divisor=1), 'a', (gt, right, flow)).compute()
        assert all(result[x] == 1 for x in SemanticIoU.names) or (gt == VOID).all()
    vc = feed(VideoConsistency((1, 2, 3)), 'a', (gt, gt, flow)).compute()
    assert all(vc[x] == 1 or np.isnan(vc[x]) for x in vc['per_video']['a'] if x != 'num_frames')
    frozen = pred[:1].repeat(len(pred), 0), np.zeros_like(flow)
    tc = feed(TemporalConsistency(NUM_CLASSES), 'a', (gt, *frozen)).compute()
    assert tc['TC'] == 1 or len(pred) == 1


@check
@given(video=videos(), names=st.permutations(range(NUM_CLASSES)))
def test_other_names_of_classes_only_permute(video, names):
    table = np.full(256, VOID, np.uint8)
    table[:NUM_CLASSES] = names
    renamed = table[video[0]], table[video[1]], video[2]
    for make in (METRICS['mIoU'], METRICS['mIoU of mmseg'], METRICS['VC']):
        a, b = feed(make(), 'a', video), feed(make(), 'a', renamed)
        one, other = a.compute(), b.compute()
        np.testing.assert_allclose([one[x] for x in a.names], [other[x] for x in a.names], rtol=1e-12)
        for column, values in one['per_class'].items():
            np.testing.assert_array_equal(values, other['per_class'][column][list(names)])


@check
@given(video=videos(), pixels=st.integers(0, 1 << 32))
def test_semantic_numbers_do_not_see_predictions_on_void(video, pixels):
    gt, pred, flow = video
    noise = np.random.default_rng(pixels).integers(0, NUM_CLASSES, pred.shape).astype(np.uint8)
    other = np.where(gt == VOID, noise, pred)
    void_only = np.full_like(gt[:1], VOID)
    a = feed(METRICS['mIoU'](), 'a', video)
    b = feed(feed(METRICS['mIoU'](), 'a', (gt, other, flow)), 'a', (void_only, noise[:1], flow[:1]), first=len(gt))
    a, b = a.compute(), b.compute()
    np.testing.assert_array_equal([a[x] for x in SemanticIoU.names], [b[x] for x in SemanticIoU.names])
    assert_same(a['per_class'], b['per_class'])
    assert b['num_frames'] == a['num_frames'] + 1


@check
@given(video=videos(), last_window=st.booleans(), n=st.integers(1, 5))
def test_consistency_of_every_window_is_its_definition(video, last_window, n):
    gt, pred, _ = video
    result = feed(VideoConsistency((n, 7), last_window), 'a', video).compute()
    expected = []
    for i in range(max(0, len(gt) - n + last_window)):
        constant = (gt[i : i + n] == gt[i]).all(0)
        both = constant & (pred[i : i + n] == pred[i]).all(0)
        expected.append(both.sum() / constant.sum() if constant.any() else np.nan)
    np.testing.assert_array_equal(result['per_window']['a'][f'VC{n}'], expected)


@check
@given(video=videos())
def test_a_void_frame_at_the_end_only_adds_the_window_held_back(video):
    """It ends every run; the windows before it stay as they were."""
    gt, pred, flow = video
    void = np.arange(gt[0].size, dtype=np.uint8).reshape(gt[0].shape) + 100  # no label of it was there before
    before = feed(VideoConsistency((2, 3), last_window=True), 'a', video).compute()
    after = feed(VideoConsistency((2, 3)), 'a', (np.r_[gt, void[None]], np.r_[pred, pred[-1:]], np.r_[flow, flow[-1:]]))
    assert_same(before['per_window'], after.compute()['per_window'])
