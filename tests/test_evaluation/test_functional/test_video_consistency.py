import math
import pickle

import numpy as np
import pytest

from tests.test_evaluation.clips import recorded
from videoseg.evaluation.functional import JointHistogram
from videoseg.evaluation.functional.video_consistency import VideoConsistency


def feed(statistics, video_id, gt, pred, first=0):
    for t, (a, b) in enumerate(zip(gt, pred, strict=True)):
        statistics.update(video_id, first + t, a, b)
    return statistics


def run_recorded(**options):
    arrays, _, params, _ = recorded('vspw')
    statistics = VideoConsistency(**options)
    for video in params['videos']:
        feed(statistics, video, arrays[f'gt_{video}'], arrays[f'pred_{video}'])
    return statistics.compute()


def random_clip(seed, frames=9, size=(5, 6), change=0.2):
    """Labels of which some change from frame to frame."""
    rng = np.random.default_rng(seed)
    clip = np.empty((frames, *size), np.uint8)
    clip[0] = rng.integers(0, 3, size)
    for t in range(1, frames):
        clip[t] = np.where(rng.random(size) < change, rng.integers(0, 3, size), clip[t - 1])
    return clip


def by_definition(gt, pred, n, last_window=False):
    """Every window on its own."""
    shares = []
    for i in range(len(gt) - n + last_window):
        constant = (gt[i : i + n] == gt[i]).all(0)
        both = constant & (pred[i : i + n] == pred[i]).all(0)
        shares.append(both.sum() / constant.sum() if constant.any() else math.nan)
    return shares


def test_parity_vspw():
    _, expected, params, tolerance = recorded('vspw')
    result = run_recorded()
    for name in ('VC8', 'VC16'):
        assert result[name] == pytest.approx(expected[name], rel=0, abs=tolerance)
        for video in params['videos']:  # videos that are not recorded are too short
            windows = expected[f'{name}_windows'].get(video, [])
            assert result['per_window'][video][name].tolist() == pytest.approx(
                windows, rel=0, abs=tolerance, nan_ok=True
            )
    assert result['num_frames'] == sum(video['num_frames'] for video in result['per_video'].values()) == 130


def test_parity_pooled_windows_of_dvis():
    _, expected, _, tolerance = recorded('vspw')
    result = run_recorded(pooled=True)
    assert result['VC16'] == pytest.approx(expected['quirk_dvis_VC16_pooled_with_VC8'], rel=0, abs=tolerance)
    assert result['VC8'] == pytest.approx(expected['VC8'], rel=0, abs=tolerance)


def test_hand_computed_video():
    gt = np.array([[[7, 7, 0, 1]]] * 4)
    gt[2, 0, 3] = 2
    pred = np.array([[[5, 5, 5, 5]]] * 4)  # need not be right
    pred[1, 0, 0] = 6
    result = feed(VideoConsistency((2, 3)), 'a', gt, pred).compute()
    assert result['per_window']['a']['VC2'].tolist() == pytest.approx([3 / 4, 2 / 3])  # frames 2 and 3 are left out
    assert result['per_window']['a']['VC3'].tolist() == pytest.approx([2 / 3])
    assert result['VC2'] == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert result['per_video']['a'] == {'VC2': result['VC2'], 'VC3': result['VC3'], 'num_frames': 4}
    last = feed(VideoConsistency((2, 3), last_window=True), 'a', gt, pred).compute()
    assert last['per_window']['a']['VC2'].tolist() == pytest.approx([3 / 4, 2 / 3, 1])
    assert last['per_window']['a']['VC3'].tolist() == pytest.approx([2 / 3, 2 / 3])


@pytest.mark.parametrize('last_window', [False, True])
@pytest.mark.parametrize('windows', [(1, 2, 3, 5), (9, 8, 10, 300)])
def test_run_lengths_are_windows_one_by_one(windows, last_window):
    clips = {str(seed): (random_clip(seed), random_clip(seed + 50)) for seed in range(4)}
    statistics = VideoConsistency(windows, last_window)
    for name, (gt, pred) in clips.items():
        feed(statistics, name, gt, pred)
    result = statistics.compute()
    for n in windows:
        together = []
        for name, (gt, pred) in clips.items():
            expected = by_definition(gt, pred, n, last_window)
            assert result['per_window'][name][f'VC{n}'].tolist() == pytest.approx(expected, nan_ok=True)
            together += expected
        mean = np.nanmean(together) if together else math.nan
        assert result[f'VC{n}'] == pytest.approx(mean, nan_ok=True)


@pytest.mark.parametrize('longest', [255, 256])
def test_long_runs_do_not_wrap_around(longest):
    gt = np.zeros((600, 2, 2), np.uint8)
    pred = gt.copy()
    pred[300, 0, 0] = 1
    result = feed(VideoConsistency((2, longest)), 'a', gt, pred).compute()
    assert result[f'VC{longest}'] == pytest.approx(np.mean(by_definition(gt, pred, longest)))
    assert result['VC2'] == pytest.approx((596 + 2 * 3 / 4) / 598)


def test_videos_as_long_as_the_window_have_none():
    clip = np.zeros((8, 2, 2), np.uint8)
    result = feed(VideoConsistency(), 'a', clip, clip).compute()
    assert math.isnan(result['VC8']) and math.isnan(result['per_video']['a']['VC8'])
    result = feed(VideoConsistency((8,), last_window=True), 'a', clip, clip).compute()
    assert result['VC8'] == 1 and result['per_window']['a']['VC8'].tolist() == [1]
    assert math.isnan(VideoConsistency().compute()['VC16'])


def test_windows_count_alike_whatever_their_video():
    clip = np.zeros((4, 1, 2), np.uint8)
    pred = clip.copy()
    pred[1::2, 0, 0] = 1
    statistics = feed(feed(VideoConsistency((2,)), 'long', clip, pred), 'short', clip[:3], clip[:3])
    assert statistics.compute()['VC2'] == pytest.approx((0.5 + 0.5 + 1) / 3)


def test_windows_without_constant_ground_truth_are_left_out():
    gt = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    gt[3:] = 9
    result = feed(VideoConsistency((2,)), 'a', gt[[0, 1, 2, 3, 4, 4]], np.zeros((6, 2, 2), np.uint8)).compute()
    assert result['per_window']['a']['VC2'].tolist() == pytest.approx([math.nan] * 3 + [1], nan_ok=True)
    assert result['VC2'] == 1


def test_the_two_void_values_are_two_labels():
    gt = np.array([[[0, 3]], [[255, 3]], [[255, 3]]], np.uint8)
    pred = np.array([[[1, 1]], [[1, 2]], [[1, 2]]], np.uint8)
    assert feed(VideoConsistency((2,)), 'a', gt, pred).compute()['VC2'] == 0
    gt[0, 0, 0] = 255
    assert feed(VideoConsistency((2,)), 'a', gt, pred).compute()['VC2'] == 0.5


def test_buffers_of_the_caller_may_be_filled_again():
    gt, pred = random_clip(3), random_clip(4)
    statistics, one, other = VideoConsistency((3,)), np.empty_like(gt[0]), np.empty_like(gt[0])
    for t in range(len(gt)):
        one[:], other[:] = gt[t], pred[t]
        statistics.update('a', t, one, other)
        np.testing.assert_array_equal(one, gt[t])  # and are not changed
    assert statistics.compute()['VC3'] == feed(VideoConsistency((3,)), 'a', gt, pred).compute()['VC3']
    mixed = [x.astype(kind) for x, kind in zip(gt, (np.uint8, np.int64, np.int32) * 3, strict=True)]
    assert feed(VideoConsistency((3,)), 'a', mixed, pred).compute()['VC3'] == statistics.compute()['VC3']


def test_shards_of_videos_in_any_order_equal_one_run():
    clips = {name: (random_clip(seed), random_clip(seed + 50)) for seed, name in enumerate('abcd')}
    whole = VideoConsistency((2, 4))
    for name, clip in clips.items():
        feed(whole, name, *clip)
    first, second, merged = (VideoConsistency((2, 4)) for _ in range(3))
    for part, names in ((first, 'ca'), (second, 'bda')):
        for name in names:
            feed(part, name, *clips[name])
    for order in ((first, second), (second, first)):
        merged.reset()
        for part in order:
            merged.merge(part)
        assert merged.compute()['per_video'] == whole.compute()['per_video']
        assert [merged.compute()[x] for x in merged.names] == [whole.compute()[x] for x in whole.names]


def test_parts_of_a_video_cannot_be_joined():
    clip = random_clip(0)
    a, b = feed(VideoConsistency(), 'a', clip[:4], clip[:4]), feed(VideoConsistency(), 'a', clip[4:], clip[4:], 4)
    with pytest.raises(ValueError, match="video 'a': two processes saw different frames.*whole videos"):
        a.merge(b)
    with pytest.raises(ValueError, match='different options'):
        a.merge(VideoConsistency(last_window=True))


def test_repeated_frames_count_once_and_others_must_come_in_order():
    clip = random_clip(0)
    statistics = feed(VideoConsistency((2,)), 'a', clip[:5], clip[:5])
    assert not statistics.update('a', 2, clip[2], clip[2])
    feed(statistics, 'b', clip[:2], clip[:2])
    assert not statistics.update('a', 4, clip[4], clip[4])
    with pytest.raises(ValueError, match="video 'a', frame 5"):
        statistics.update('a', 5, clip[5], clip[5])
    with pytest.raises(ValueError, match="video 'c', frame 1: came after frame 3"):
        feed(feed(statistics, 'c', clip[:1], clip[:1], first=3), 'c', clip[1:2], clip[1:2], first=1)
    assert statistics.compute()['per_video']['a']['num_frames'] == 5


def test_memory_is_that_of_one_video():
    frame = np.zeros((300, 400), np.uint8)
    statistics, sizes = VideoConsistency(), []
    for video in range(3):
        for t in range(20):
            statistics.update(str(video), t, frame, frame)
        sizes.append(len(pickle.dumps(statistics)))
        assert len(pickle.dumps(statistics.videos)) < 1500 * (video + 1)
    assert sizes[2] - sizes[0] < 2000


def test_wrong_options_and_maps_are_refused():
    for windows in ((), (0,), (8, 8)):
        with pytest.raises(ValueError, match='windows'):
            VideoConsistency(windows)
    small, large, statistics = np.zeros((2, 2), np.uint8), np.zeros((3, 2), np.uint8), VideoConsistency()
    statistics.update('a', 0, small, small)
    with pytest.raises(ValueError, match=r"video 'a', frame 1: size \(H, W\) is \(3, 2\)"):
        statistics.update('a', 1, large, large)
    with pytest.raises(ValueError, match=r"video 'a', frame 1: ground truth \(2, 2\) and prediction \(3, 2\)"):
        statistics.update('a', 1, small, large)
    with pytest.raises(ValueError, match="video 'b', frame 0: prediction has shape"):
        statistics.update('b', 0, small, small[None])
    with pytest.raises(TypeError, match='prediction labels have type float64'):
        statistics.update('b', 0, small, small / 2)
    with pytest.raises(ValueError, match='expected'):
        statistics.update('b', 0, JointHistogram.sum([]).counts, small)
    assert statistics.compute()['num_frames'] == 1
