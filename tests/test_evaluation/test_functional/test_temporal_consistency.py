import math
import pickle

import numpy as np
import pytest

from tests.test_evaluation.clips import recorded
from videoseg.evaluation.functional.temporal_consistency import TemporalConsistency, warp_back


def feed(statistics, video_id, pred, flow, first=0):
    for t, labels in enumerate(pred):
        statistics.update(video_id, first + t, labels, flow[t - 1] if t else None)
    return statistics


def still(num_frames, size=(3, 4)):
    return np.zeros((num_frames - 1, 2, *size), np.float32)


def run_recorded(**options):
    arrays, _, params, _ = recorded('tc')
    statistics = TemporalConsistency(params['num_classes'], **options)
    for video in range(params['videos']):
        feed(statistics, str(video), arrays[f'pred_{video}'], arrays[f'flow_{video}'])
    return statistics.compute()


def test_parity_tc():
    _, expected, _, tolerance = recorded('tc')
    result = run_recorded()
    assert result['TC'] == pytest.approx(expected['TC'], rel=0, abs=tolerance)
    # Tighter than what was asked: no pixel may be rounded another way.
    assert result['TC'] == pytest.approx(expected['TC'], rel=0, abs=1e-12)
    for video, value in expected['TC_per_video_alone'].items():
        assert result['per_video'][video]['TC'] == pytest.approx(value, rel=0, abs=1e-12)
    assert [row['num_frames'] for row in result['per_video'].values()] == [6, 4, 2]
    assert np.nanmean(result['per_class']['IoU']) == pytest.approx(result['TC'], rel=1e-12)


def test_without_motion_the_script_reads_half_a_pixel_off():
    """Columns are normalised by W - 1 and read as if by W: x * W / (W - 1) - 0.5, half to even."""
    labels = np.array([[1, 2, 3, 4, 5]], np.uint8)
    assert [round(x * 5 / 4 - 0.5) for x in range(5)] == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(warp_back(labels, np.zeros((2, 1, 5), np.float32)), labels)
    wide = np.arange(1, 13, dtype=np.uint8)[None]
    expected = [wide[0, round(x * 12 / 11 - 0.5)] if round(x * 12 / 11 - 0.5) < 12 else 0 for x in range(12)]
    assert warp_back(wide, np.zeros((2, 1, 12), np.float32))[0].tolist() == expected


def test_flow_is_right_and_down_and_outside_is_class_0():
    labels = np.arange(1, 16, dtype=np.uint8).reshape(3, 5)
    right = np.stack([np.ones((3, 5)), np.zeros((3, 5))]).astype(np.float32)
    assert warp_back(labels, right)[1].tolist() == [7, 8, 9, 10, 0]
    assert warp_back(labels, right[::-1])[:, 0].tolist() == [6, 11, 0]
    assert warp_back(labels, -right)[1].tolist() == [0, 6, 7, 8, 9]
    assert warp_back(labels, 1e9 * right).max() == 0


def test_last_row_and_column_of_even_sizes_are_outside():
    """W - 0.5 is rounded to the even W: a trait of the script, costs a little even where nothing moves."""
    labels = np.ones((4, 6), np.uint8)
    warped = warp_back(labels, np.zeros((2, 4, 6), np.float32))
    assert warped[:3, :5].all() and not warped[3].any() and not warped[:, 5].any()


def test_one_row_and_one_column():
    labels = np.array([[3]], np.uint8)
    assert warp_back(labels, np.zeros((2, 1, 1), np.float32)).tolist() == [[3]]


def test_hand_computed_pair():
    first, second = np.array([[1, 1, 2, 2, 2]]), np.array([[1, 2, 2, 2, 2]])
    result = feed(TemporalConsistency(4), 'a', [first, second], still(2, (1, 5))).compute()
    assert result['per_class']['IoU'].tolist() == pytest.approx([math.nan, 1 / 2, 3 / 4, math.nan], nan_ok=True)
    assert result['TC'] == pytest.approx((1 / 2 + 3 / 4) / 2)


def test_only_the_first_videos_count():
    statistics = TemporalConsistency(3, max_videos=2)
    right, wrong = np.full((3, 5), 1), np.full((3, 5), 2)
    feed(statistics, 'c', [right, wrong], still(2, (3, 5)))
    feed(statistics, 'b', [right, right, right], still(3, (3, 5)))
    feed(statistics, 'a', [right, right], still(2, (3, 5)))
    result = statistics.compute()
    assert result['TC'] == 1 and list(result['per_video']) == ['a', 'b'] and result['num_frames'] == 5
    listed = TemporalConsistency(3, max_videos=2, videos=['c', 'x', 'a', 'b'])
    feed(listed, 'a', [right, right], still(2, (3, 5)))
    feed(listed, 'c', [right, wrong], still(2, (3, 5)))
    result = listed.compute()
    assert result['TC'] == 0 and list(result['per_video']) == ['c']
    assert result['protocol']['videos'] == ['c', 'x']
    with pytest.raises(ValueError, match="video 'd', frame 0: this video is not in the list of 4"):
        listed.update('d', 0, right)


def test_all_videos_count_without_a_maximum():
    assert run_recorded(max_videos=None)['TC'] == run_recorded()['TC']
    assert run_recorded(max_videos=1)['TC'] == run_recorded()['per_video']['0']['TC']
    assert TemporalConsistency(3).protocol['max_videos'] == 100


def test_shards_of_videos_in_any_order_equal_one_run():
    arrays, _, params, _ = recorded('tc')
    parts = [TemporalConsistency(params['num_classes']) for _ in range(3)]
    for video, part in enumerate(parts):
        feed(part, str(video), arrays[f'pred_{video}'], arrays[f'flow_{video}'])
    feed(parts[0], '2', arrays['pred_2'], arrays['flow_2'])  # as samplers pad
    for order in ((0, 1, 2), (2, 0, 1)):
        merged = TemporalConsistency(params['num_classes'])
        for index in order:
            merged.merge(parts[index])
        assert (merged.compute()['TC'], merged.compute()['per_video']) == (
            run_recorded()['TC'],
            run_recorded()['per_video'],
        )


def test_state_does_not_grow_with_the_video():
    rng = np.random.default_rng(0)
    clip = rng.integers(0, 4, (20, 10, 12)).astype(np.uint8)
    statistics, sizes = TemporalConsistency(4), []
    for t in range(1500):
        statistics.update('a', t, clip[t % 20], None if t == 0 else still(2, (10, 12))[0])
        if t in (499, 1499):
            statistics.compute()
            sizes.append(len(pickle.dumps(statistics)))
    assert sizes[1] <= sizes[0] + 64


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match='max_videos is 0'):
        TemporalConsistency(3, max_videos=0)
    labels, flow, statistics = np.zeros((3, 4), np.uint8), still(2)[0], TemporalConsistency(3)
    with pytest.raises(ValueError, match="video 'a', frame 0: is the first frame"):
        statistics.update('a', 0, labels, flow)
    with pytest.raises(ValueError, match=r'class labels \[3, 255\] are not among the 3 classes'):
        statistics.update('a', 0, np.array([[0, 255], [3, 1]]))
    with pytest.raises(TypeError, match='type float64'):
        statistics.update('a', 0, labels / 1.0)
    with pytest.raises(ValueError, match='expected .H, W.'):
        statistics.update('a', 0, labels[None])
    assert statistics.update('a', 0, labels) and not statistics.update('a', 0, labels)
    with pytest.raises(ValueError, match="video 'a', frame 1: no flow"):
        statistics.update('a', 1, labels)
    with pytest.raises(ValueError, match=r"video 'a', frame 1: .*flow \(3, 4, 2\) do not fit"):
        statistics.update('a', 1, labels, flow.transpose(1, 2, 0))
    with pytest.raises(ValueError, match='not finite'):
        statistics.update('a', 1, labels, flow * np.nan)
    a, b = feed(TemporalConsistency(3), 'v', [labels] * 2, still(2)), feed(TemporalConsistency(3), 'v', [labels], [], 2)
    with pytest.raises(ValueError, match="video 'v': two processes saw different frames"):
        a.merge(b)
    assert math.isnan(statistics.compute()['TC'])  # one frame, no pair
