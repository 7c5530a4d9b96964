import itertools
import math

import numpy as np
import pytest

from tests.test_evaluation.clips import NUM_CLASSES, THINGS, disturb, feed, ids, make_clip, recorded, recorded_segments
from tests.test_evaluation.recorded_numbers import assert_all_equal, class_counts, group_numbers
from videoseg.evaluation.functional import PQ, VPQ, joint_histogram

COUNTS = ('IoU_sum', 'TP', 'FP', 'FN')


def run_recorded(names):
    """Categories 1 ... 15 are labels 0 ... 14."""
    arrays, _, params, _ = recorded('pq_image')
    statistics = PQ(15, [x['id'] - 1 for x in params['categories'] if x['isthing']], last_crowd_only=True)
    for name in names:
        infos = recorded_segments('pq_image')[name]
        gt, pred = ([{**x, 'category_id': x['category_id'] - 1} for x in infos[key]] for key in ('gt', 'pred'))
        statistics.update(name, 0, joint_histogram(arrays[f'gt_{name}'], arrays[f'pred_{name}']), gt, pred)
    return statistics.compute()


def as_recorded(result):
    counts = np.stack([result['per_class'][x] for x in COUNTS], axis=1)
    return {**group_numbers(result['groups']), 'counts_iou_tp_fp_fn': class_counts(counts, first_label=1)}


def test_parity():
    _, expected, _, tolerance = recorded('pq_image')
    images = [x for x in recorded_segments('pq_image') if x != 'ties']
    assert len(images) == 12
    result = run_recorded(images)
    assert_all_equal({**as_recorded(result), 'ties': as_recorded(run_recorded(['ties']))}, expected, tolerance)
    reported = [result[x] for x in PQ.names]
    theirs = [expected['all']['pq'], expected['all']['sq'], expected['all']['rq']]
    theirs += [expected['things']['pq'], expected['stuff']['pq']]
    assert reported == pytest.approx(theirs, rel=0, abs=tolerance) and set(result['per_video']) == set(images)


def test_hand_computed_image():
    gt = ids([[(0, 1)] * 4 + [(0, 2)] * 4 + [(2, 0)] * 4])
    pred = ids([[(0, 1)] * 3 + [(2, 0)] * 9])
    result = feed(PQ(3, [0, 1]), 'image', [gt], [pred]).compute()
    # Class 0: one match of IoU 3 / 4, one miss. Class 2: 4 / 9 is no match: one of each error.
    assert result['per_class']['PQ'].tolist() == pytest.approx([0.75 / 1.5, math.nan, 0], nan_ok=True)
    assert result['per_class']['SQ'].tolist() == pytest.approx([0.75, math.nan, 0], nan_ok=True)
    assert (result['PQ'], result['PQ_thing'], result['PQ_stuff']) == (0.25, 0.5, 0)
    assert (result['SQ'], result['RQ']) == (0.375, pytest.approx(1 / 3))
    assert [result['groups'][x]['num_classes'] for x in ('all', 'thing', 'stuff')] == [2, 1, 1]


def test_equals_vpq_with_windows_of_one_frame():
    clip = make_clip(5)
    pred = disturb(clip, 5)
    pq = feed(PQ(NUM_CLASSES, THINGS), 'a', clip, pred).compute()
    vpq = feed(VPQ(NUM_CLASSES, THINGS, (1,)), 'a', clip, pred).compute()
    assert pq['PQ'] == vpq['VPQ_1'] and 0.2 < pq['PQ'] < 0.95
    np.testing.assert_array_equal(pq['per_class']['PQ'], vpq['per_window'][1]['per_class']['PQ'])
    assert pq['per_video']['a'].keys() == {*PQ.names, 'num_frames'}


def test_frames_in_any_order_and_split_videos():
    clip = make_clip(2, num_frames=6)
    pred = disturb(clip, 2)
    whole = feed(PQ(NUM_CLASSES, THINGS), 'a', clip, pred).compute()
    for order in itertools.permutations(range(3)):
        shards = [PQ(NUM_CLASSES, THINGS) for _ in range(3)]
        for t in (5, 0, 3, 1, 4, 2):
            shards[t % 3].update('a', t, joint_histogram(clip[t], pred[t]))
        merged = PQ(NUM_CLASSES, THINGS)
        for index in order:
            merged.merge(shards[index])
        result = merged.compute()
        assert [result[x] for x in PQ.names] == pytest.approx([whole[x] for x in PQ.names], rel=1e-12)
        assert result['num_frames'] == 6
    with pytest.raises(ValueError, match="video 'a'.*overlapping frames"):
        merged_part = feed(PQ(NUM_CLASSES, THINGS), 'a', clip[3:], pred[3:], first=5)
        merged_part.merge(shards[2])


def test_repeated_images_count_once():
    clip = make_clip(3, num_frames=2)
    statistics = feed(PQ(NUM_CLASSES, THINGS), 'a', clip, disturb(clip, 3))
    before = repr(statistics.compute())
    assert not statistics.update('a', 1, joint_histogram(clip[1], clip[1]))
    assert repr(statistics.compute()) == before


def test_class_average_and_nothing_to_score():
    gt = ids([[(0, 1)] * 4])
    assert feed(PQ(4, [0]), 'a', [gt], [gt]).compute()['PQ'] == 1
    assert feed(PQ(4, [0], class_average='all'), 'a', [gt], [gt]).compute()['PQ'] == 0.25
    nothing = PQ(4, [0]).compute()
    assert all(math.isnan(nothing[x]) for x in PQ.names) and nothing['num_frames'] == 0


def test_wrong_input_is_refused_and_leaves_nothing_behind():
    statistics = PQ(3, [0])
    histogram = joint_histogram(np.array([[5, 5]]), np.array([[7, 7]]))
    with pytest.raises(ValueError, match=r"video 'x', frame 0, prediction: class labels \[3\] in segments_info"):
        statistics.update('x', 0, histogram, [{'id': 5, 'category_id': 0}], [{'id': 7, 'category_id': 3}])
    with pytest.raises(ValueError, match=r"video 'x', frame 0, ground truth: ids \[5\] are in the map but not"):
        statistics.update('x', 0, histogram, [], [{'id': 7, 'category_id': 1}])
    small = [{'id': 5, 'category_id': 1, 'area': 1}]  # two pixels in the map: the IoU would be above 1
    with pytest.raises(ValueError, match=r"video 'x', frame 0, ground truth: segments_info gives id 5 the area 1, the"):
        statistics.update('x', 0, histogram, small, [{'id': 7, 'category_id': 1}])
    assert statistics.videos == {}
    with pytest.raises(ValueError, match='min_overlap'):
        PQ(3, [0], min_overlap=0.4)
