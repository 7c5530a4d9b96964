import math
import pickle

import numpy as np
import pytest

from tests.test_evaluation.clips import (
    NUM_CLASSES,
    THINGS,
    disturb,
    feed,
    ids,
    make_clip,
    recorded,
    recorded_segments,
    whole_and_merged,
)
from tests.test_evaluation.recorded_numbers import assert_all_equal, json_window_tree, means
from videoseg.evaluation.functional import VPQ, SegmentNumbering, joint_histogram
from videoseg.structures.ids import DIVISOR, VOID_ID

COUNTS = ('IoU_sum', 'TP', 'FP', 'FN')
NUMBERS = ('VPQ', 'VPQ_thing', 'VPQ_stuff', 'num_frames', 'per_video')


def run_json(group, segments, **options):
    """Statistics of recorded videos with jsons, video -> ``gt``/``pred`` -> ``segments_info`` of every frame."""
    arrays, _, params, _ = recorded(group)
    things = [x['id'] for x in params['categories'] if x['isthing']]
    statistics = VPQ(len(params['categories']), things, **options)
    for video, infos in segments.items():
        for t, (gt, pred) in enumerate(zip(arrays[f'gt_{video}'], arrays[f'pred_{video}'], strict=True)):
            statistics.update(video, t, joint_histogram(gt, pred), infos['gt'][t], infos['pred'][t])
    return statistics


def test_parity_vipseg():
    _, expected, params, tolerance = recorded('vipseg')
    statistics = run_json('vipseg', recorded_segments('vipseg')['main'], windows=params['windows'])
    result = statistics.compute()
    tree = json_window_tree(statistics, result)
    tree['mean_1_2_4_6_8'] = means(result)
    tree['mean_1_2_4_6'] = means(run_json('vipseg', recorded_segments('vipseg')['main']).compute())
    assert_all_equal(tree, expected['vpq'], tolerance)


def test_parity_vipseg_class_that_flips():
    _, expected, _, tolerance = recorded('vipseg')
    statistics = run_json('vipseg', recorded_segments('vipseg')['quirks'], windows=(1, 2, 4))
    assert_all_equal(json_window_tree(statistics, statistics.compute()), expected['quirks']['vpq'], tolerance)


@pytest.mark.parametrize('videos', ['main', 'two_crowds_of_one_class'])
def test_parity_cityscapes_vps(videos):
    _, expected, params, tolerance = recorded('cityvps')
    segments = {name: recorded_segments('cityvps')[name] for name in params['videos'][videos]}
    statistics = run_json('cityvps', segments, windows=params['windows'], last_crowd_only=True)
    result = statistics.compute()
    tree = {**json_window_tree(statistics, result), 'mean_1_2_3_4': means(result)}
    assert_all_equal(tree, expected[videos], tolerance)


def test_all_crowds_excuse_by_default():
    _, expected, params, tolerance = recorded('cityvps')
    for videos, equal in (('main', True), ('two_crowds_of_one_class', False)):
        segments = {name: recorded_segments('cityvps')[name] for name in params['videos'][videos]}
        result = run_json('cityvps', segments, windows=params['windows']).compute()
        recorded_mean = expected[videos]['mean_1_2_3_4']['all']
        assert (abs(result['VPQ'] - recorded_mean) < tolerance) == equal
        assert result['VPQ'] >= recorded_mean - tolerance  # with more excuses there are fewer false positives


def test_vipseg_through_panoptic_ids_gives_the_same_numbers():
    arrays, expected, params, tolerance = recorded('vipseg')
    things = [x['id'] for x in params['categories'] if x['isthing']]
    statistics = VPQ(124, things)
    for video, segments in recorded_segments('vipseg')['main'].items():
        gt_numbers, pred_numbers = SegmentNumbering(), SegmentNumbering()
        gt = [gt_numbers.encode(*x) for x in zip(arrays[f'gt_{video}'], segments['gt'], strict=True)]
        pred = [pred_numbers.encode(*x) for x in zip(arrays[f'pred_{video}'], segments['pred'], strict=True)]
        feed(statistics, video, gt, pred)
    result = statistics.compute()
    assert result['protocol']['windows'] == [1, 2, 4, 6]
    expected = expected['vpq']['mean_1_2_4_6']
    numbers = [result[x] for x in ('VPQ', 'VPQ_thing', 'VPQ_stuff')]
    assert numbers == pytest.approx([expected[x] for x in ('all', 'things', 'stuff')], rel=0, abs=tolerance)


def score(gt, pred, windows=(1,), **options):
    return feed(VPQ(3, [0, 1], windows, **options), 'a', gt, pred).compute()


def class_counts(result, label, size=1):
    return [float(result['per_window'][size]['per_class'][x][label]) for x in COUNTS]


def test_hand_computed_track_that_changes_its_id():
    gt = [ids([[(0, 1)] * 4 + [(2, 0)] * 4])] * 2
    pred = [gt[0], ids([[(0, 2)] * 4 + [(2, 0)] * 4])]
    result = score(gt, pred, (1, 2))
    assert class_counts(result, 0, 1) == [2, 2, 0, 0]
    assert class_counts(result, 0, 2) == [0, 0, 2, 1]  # IoU 4 / 8 is not above 0.5
    assert class_counts(result, 2, 2) == [1, 1, 0, 0]
    assert (result['VPQ'], result['VPQ_thing'], result['VPQ_stuff']) == (0.75, 0.5, 1)
    assert (result['VPQ_1'], result['VPQ_2'], result['per_video']['a']['VPQ_2']) == (1, 0.5, 0.5)
    assert VPQ(3, [0], (1, 2)).names == ('VPQ', 'VPQ_thing', 'VPQ_stuff', 'VPQ_1', 'VPQ_2')
    columns = {name: column.tolist() for name, column in result['per_class'].items()}
    nan = pytest.approx(math.nan, nan_ok=True)
    assert columns == {'VPQ': [0.5, nan, 1], 'VPQ_1': [1, nan, 1], 'VPQ_2': [0, nan, 1]}
    assert result['per_window'][1]['num_windows'] == 2 and result['per_window'][2]['num_windows'] == 1


@pytest.mark.parametrize(('on_void', 'false_positives'), [(3, 0), (2, 1)])
def test_prediction_mostly_on_void_is_excused(on_void, false_positives):
    gt = ids([[None] * on_void + [(2, 0)] * (4 - on_void) + [(2, 0)] * 8])
    pred = ids([[(0, 1)] * 4 + [(2, 0)] * 8])
    assert class_counts(score([gt], [pred]), 0) == [0, 0, false_positives, 0]


def test_void_leaves_the_union():
    gt, pred = ids([[(0, 1)] * 4 + [None] * 4]), ids([[(0, 1)] * 8])
    assert class_counts(score([gt], [pred]), 0) == [1, 1, 0, 0]


def test_crowd_excuses_its_own_class_only_and_never_counts():
    gt = ids([[(0, 0)] * 4 + [(2, 0)] * 4])
    same, other = (ids([[(label, 1)] * 4 + [(2, 0)] * 4]) for label in (0, 1))
    assert class_counts(score([gt], [same]), 0) == [0, 0, 0, 0]
    assert class_counts(score([gt], [other]), 1) == [0, 0, 1, 0]
    assert class_counts(score([gt], [same], rules='label_divisor'), 0) == [1, 1, 0, 0]  # there it is a segment


def test_two_crowds_of_one_class():
    gt, pred = np.array([[1, 1, 2, 2, 3, 3]]), np.array([[7, 7, 7, 7, 7, 7]])
    gt_infos = [{'id': x, 'category_id': c, 'iscrowd': crowd} for x, c, crowd in ((1, 0, 1), (2, 0, 1), (3, 2, 0))]
    for last_crowd_only, false_positives in ((False, 0), (True, 1)):
        statistics = VPQ(3, [0, 1], (1,), last_crowd_only=last_crowd_only)
        statistics.update('a', 0, joint_histogram(gt, pred), gt_infos, [{'id': 7, 'category_id': 0}])
        assert class_counts(statistics.compute(), 0) == [0, 0, false_positives, 0]


def test_void_with_an_instance_stays_in_the_union_of_label_divisor():
    strange_void = 255 * DIVISOR + 3
    gt = np.array([[1] * 4 + [strange_void] * 3])
    pred = np.array([[1] * 7])
    assert class_counts(score([gt], [pred]), 0) == [1, 1, 0, 0]
    iou, *counts = class_counts(score([gt], [pred], rules='label_divisor'), 0)
    assert iou == pytest.approx(4 / 7) and counts == [1, 0, 0]


def test_predicted_void_is_a_miss_only():
    gt, pred = ids([[(0, 1)] * 4]), ids([[None] * 4])
    for rules in ('json', 'label_divisor'):
        result = score([gt], [pred], rules=rules)
        assert class_counts(result, 0) == [0, 0, 0, 1]
        assert result['VPQ'] == 0


def test_class_average():
    gt = ids([[(0, 1)] * 4])
    assert score([gt], [gt])['VPQ'] == 1
    assert score([gt], [gt], class_average='all')['VPQ'] == pytest.approx(1 / 3)


def test_perfect_prediction_and_renamed_ids():
    clip = make_clip(0)
    renamed = clip.copy()
    renamed[clip == DIVISOR + 1] = DIVISOR + 500
    result = feed(VPQ(NUM_CLASSES, THINGS), 'a', clip, renamed).compute()
    assert (result['VPQ'], result['VPQ_thing'], result['VPQ_stuff']) == (1, 1, 1)
    pred = disturb(clip, 0)
    other = np.where(
        (pred // DIVISOR < 2) & (pred % DIVISOR > 0), pred // DIVISOR * DIVISOR + 99 - pred % DIVISOR, pred
    )
    a, b = (feed(VPQ(NUM_CLASSES, THINGS), 'a', clip, x).compute() for x in (pred, other))
    assert a['VPQ'] == pytest.approx(b['VPQ'], rel=1e-12) and 0.2 < a['VPQ'] < 0.95


def test_one_pass_equals_a_pass_for_each_window():
    """The ring of recent frames against windows built from concatenated frames."""
    clip = make_clip(3, num_frames=12)
    pred = disturb(clip, 3)
    result = feed(VPQ(NUM_CLASSES, THINGS, (1, 2, 4, 6)), 'a', clip, pred).compute()
    for size in (1, 2, 4, 6):
        windows = VPQ(NUM_CLASSES, THINGS, (1,))
        for start in range(len(clip) - size + 1):
            wide = (np.concatenate(x[start : start + size], axis=1) for x in (clip, pred))
            windows.update('a', start, joint_histogram(*wide))
        expected = windows.compute()['per_window'][1]
        for name in COUNTS:
            np.testing.assert_allclose(
                result['per_window'][size]['per_class'][name], expected['per_class'][name], rtol=0, atol=1e-9
            )


def test_merged_shards_equal_one_run_in_any_order():
    for expected, result in whole_and_merged(lambda: VPQ(NUM_CLASSES, THINGS), split_video=False):
        assert repr({k: result[k] for k in NUMBERS}) == repr({k: expected[k] for k in NUMBERS})  # NaN equals NaN


def test_frames_of_a_video_cannot_be_split():
    clip = make_clip(0)
    a, b = feed(VPQ(NUM_CLASSES, THINGS), 'a', clip[:4], clip[:4]), VPQ(NUM_CLASSES, THINGS)
    feed(b, 'a', clip[4:], clip[4:], first=4)
    with pytest.raises(ValueError, match="video 'a'.*hands whole videos"):
        a.merge(b)
    with pytest.raises(ValueError, match="video 'a', frame 1 comes after frame 5"):
        feed(VPQ(NUM_CLASSES, THINGS), 'a', clip[:2], clip[:2], first=4).update('a', 1, joint_histogram(clip, clip))


def test_repeated_frames_count_once():
    clip = make_clip(1)
    pred = disturb(clip, 1)
    once = feed(VPQ(NUM_CLASSES, THINGS), 'a', clip, pred)
    twice = feed(feed(VPQ(NUM_CLASSES, THINGS), 'a', clip, pred), 'a', clip, pred)
    assert repr(twice.compute()) == repr(once.compute())


def test_sparse_labels_are_consecutive():
    clip = make_clip(1, num_frames=4)
    pred = disturb(clip, 1)
    dense, sparse = VPQ(NUM_CLASSES, THINGS), VPQ(NUM_CLASSES, THINGS)
    for t in range(4):
        dense.update('a', t, joint_histogram(clip[t], pred[t]))
        sparse.update('a', 5 * t, joint_histogram(clip[t], pred[t]))
    assert repr(dense.compute()) == repr(sparse.compute())


def test_one_frame_video_frame_without_objects_and_nothing_but_void():
    empty = np.full((1, 6, 6), VOID_ID, np.int32)
    statistics = feed(VPQ(NUM_CLASSES, THINGS), 'one', make_clip(0)[:1], make_clip(0)[:1])
    feed(statistics, 'void', empty, np.full_like(empty, 3 * DIVISOR))
    result = statistics.compute()
    assert result['VPQ'] == 1 and result['per_window'][1]['all']['PQ'] == 1
    assert math.isnan(result['per_window'][2]['all']['PQ']) and result['per_window'][2]['num_windows'] == 0
    assert math.isnan(result['per_video']['void']['VPQ'])
    assert math.isnan(VPQ(NUM_CLASSES, THINGS).compute()['VPQ'])


def test_state_does_not_grow_with_the_video():
    clip = make_clip(2)
    histogram = joint_histogram(clip[5], disturb(clip, 2)[5])
    statistics = VPQ(NUM_CLASSES, THINGS)
    sizes = []
    for t in range(600):
        statistics.update('a', t, histogram)
        if t in (99, 599):
            sizes.append(len(pickle.dumps(statistics)))
    assert sizes[1] <= sizes[0] + 16


def test_areas_of_the_json_count():
    gt, pred = np.array([[5, 5, 5, 5]]), np.array([[7, 7, 7, 7]])
    statistics = VPQ(3, [0], (1,))
    infos = [{'id': 5, 'category_id': 0, 'area': 6}], [{'id': 7, 'category_id': 0, 'area': 1000}]
    statistics.update('a', 0, joint_histogram(gt, pred), *infos)
    assert class_counts(statistics.compute(), 0)[0] == pytest.approx(4 / 6)  # predicted areas are always counted


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'rules': 'coco'}, 'rules'),
        ({'class_average': 'seen'}, 'class_average'),
        ({'windows': ()}, 'windows'),
        ({'windows': (0, 1)}, 'windows'),
        ({'windows': (2, 2)}, 'windows'),
        ({'min_overlap': 0.3}, 'min_overlap'),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        VPQ(3, [0], **options)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match=r'things \[9\]'):
        VPQ(3, [9])
    fine, wrong = ids([[(0, 1)]]), ids([[(5, 1)]])
    with pytest.raises(ValueError, match=r"video 'a', frame 0, prediction: class labels \[5\]"):
        score([fine], [wrong])
    histogram = joint_histogram(np.array([[1]]), np.array([[2]]))
    good, unknown = [{'id': 1, 'category_id': 0}], [{'id': 2, 'category_id': 3}]
    with pytest.raises(ValueError, match=r'prediction: class labels \[3\]'):
        VPQ(3, [0]).update('a', 0, histogram, good, unknown)
    with pytest.raises(ValueError, match='both|neither'):
        VPQ(3, [0]).update('a', 0, histogram, good)
