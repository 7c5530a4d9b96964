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
from tests.test_evaluation.recorded_numbers import assert_all_equal, stq_tree
from videoseg.evaluation.functional import STQ, SegmentNumbering, joint_histogram
from videoseg.structures.ids import DIVISOR, VOID_ID

KITTI_THINGS = (11, 13)


def assert_recorded(result, expected, tolerance):
    names = [str(x) for x in expected['ID_per_seq']]
    assert_all_equal(stq_tree(result), {**expected, 'ID_per_seq': names}, tolerance)


def run_recorded(statistics, prefix, names, weights=None):
    arrays = recorded('step_stq')[0]
    for name in names:
        feed(statistics, str(name), arrays[f'{prefix}gt_{name}'], arrays[f'{prefix}pred_{name}'], weights=weights)
    return statistics.compute()


@pytest.mark.parametrize(
    ('entry', 'options', 'weighted'),
    [
        ('deeplab2', {'things': KITTI_THINGS}, False),
        ('deeplab2_weighted', {'things': KITTI_THINGS}, True),
        ('video_knet_masked_void_things_11_to_18', {'things': range(11, 19), 'void_pixels': 'drop'}, False),
    ],
)
def test_parity_kitti_step(entry, options, weighted):
    arrays, expected, params, tolerance = recorded('step_stq')
    weights = arrays['pixel_weight'] if weighted else None
    result = run_recorded(STQ(params['num_classes'], **options), '', params['sequences'], weights)
    assert_recorded(result, expected[entry], tolerance)
    assert result['protocol']['weighted'] == weighted


def test_the_original_list_of_things_gives_other_numbers():
    """Defect 16 of Video K-Net: with 11 to 18 as things, predicted riders and trucks add association credit."""
    params = recorded('step_stq')[2]
    official, original = (
        run_recorded(STQ(params['num_classes'], things), '', params['sequences'])
        for things in (KITTI_THINGS, range(11, 19))
    )
    assert official['SQ'] == original['SQ']
    assert official['AQ'] != original['AQ'] and official['STQ'] != original['STQ']


@pytest.mark.parametrize(
    'case', ['perfect', 'all_gt_void', 'all_pred_void', 'only_crowd', 'stuff_only', 'two_tracks_swapped_in_frame_1']
)
def test_parity_edge_cases(case):
    _, expected, params, tolerance = recorded('step_stq')
    result = run_recorded(STQ(params['num_classes'], KITTI_THINGS), 'edge_', [case])
    assert_recorded(result, expected['edge'][case], tolerance)


def test_parity_ignore_label_among_the_classes():
    _, expected, _, tolerance = recorded('step_stq')
    assert len(expected) == 7 and len(expected['edge']) == 6
    result = run_recorded(STQ(7, (4, 5), ignore_label=0), 'inner_', [0, 1])
    assert_recorded(result, expected['ignore_label_0_of_7_classes_things_4_5'], tolerance)


@pytest.mark.parametrize('videos', ['main', 'quirks'])
@pytest.mark.parametrize(
    ('entry', 'instance_base', 'void_pixels'),
    [
        ('instance_ids_from_1', 1, 'keep'),
        ('instance_ids_from_1_void_pixels_removed', 1, 'drop'),
        ('official_script', 0, 'keep'),
    ],
)
def test_parity_vipseg(videos, entry, instance_base, void_pixels):
    arrays, expected, params, tolerance = recorded('vipseg')
    expected = expected if videos == 'main' else expected['quirks']
    things = [x['id'] for x in params['categories'] if x['isthing']]
    statistics = STQ(len(params['categories']), things, void_pixels=void_pixels)
    for video, segments in recorded_segments('vipseg')[videos].items():
        gt_numbers, pred_numbers = SegmentNumbering(instance_base), SegmentNumbering(instance_base)
        gt = [gt_numbers.encode(*x) for x in zip(arrays[f'gt_{video}'], segments['gt'], strict=True)]
        pred = [pred_numbers.encode(*x) for x in zip(arrays[f'pred_{video}'], segments['pred'], strict=True)]
        feed(statistics, video, gt, pred)
    assert_recorded(statistics.compute(), expected['stq'][entry], tolerance)
    assert len(expected['stq']) == 3


def test_hand_computed_frame():
    gt = ids([[(0, 1)] * 4 + [(2, 0)] * 4])
    pred = ids([[(0, 9)] * 3 + [(2, 0)] + [(0, 9)] + [(2, 0)] * 3])
    result = feed(STQ(3, [0]), 'a', [gt], [pred]).compute()
    assert result['AQ'] == pytest.approx(1 / 4 * 3**2 / (4 + 4 - 3))
    assert result['SQ'] == pytest.approx(3 / 5)  # both classes 3 of 5
    assert result['STQ'] == pytest.approx(math.sqrt(0.45 * 0.6))
    assert result['num_tubes'] == 1 and result['per_class']['num_tubes'].tolist() == [1, 0, 0]
    assert result['per_class']['IoU'].tolist() == pytest.approx([0.6, math.nan, 0.6], nan_ok=True)
    assert result['per_class']['AQ'].tolist() == pytest.approx([0.45, math.nan, math.nan], nan_ok=True)


def test_association_needs_no_equal_class_but_segmentation_does():
    gt, pred = ids([[(0, 1)] * 4]), ids([[(1, 1)] * 4])
    result = feed(STQ(3, [0, 1]), 'a', [gt], [pred]).compute()
    assert (result['AQ'], result['SQ']) == (1, 0)


def test_thing_on_void_costs_association_unless_dropped():
    gt, pred = ids([[(0, 1)] * 4 + [None] * 4]), ids([[(0, 1)] * 8])
    keep = feed(STQ(3, [0]), 'a', [gt], [pred]).compute()
    drop = feed(STQ(3, [0], void_pixels='drop'), 'a', [gt], [pred]).compute()
    assert (keep['AQ'], keep['SQ']) == (0.5, 1)
    assert (drop['AQ'], drop['SQ']) == (1, 1)


def test_prediction_on_crowd_is_free_in_association():
    gt, pred = ids([[(0, 1)] * 4 + [(0, 0)] * 4]), ids([[(0, 1)] * 8])
    assert feed(STQ(3, [0]), 'a', [gt], [pred]).compute()['AQ'] == 1


def test_predicted_void_is_one_more_class():
    gt, pred = ids([[(2, 0)] * 4]), ids([[(2, 0)] * 3 + [None]])
    assert feed(STQ(3, [0]), 'a', [gt], [pred]).compute()['SQ'] == pytest.approx((0.75 + 0) / 2)


def test_perfect_prediction_and_renamed_ids():
    clip = make_clip(0)
    renamed = clip.copy()
    for old, new in ((DIVISOR + 1, DIVISOR + 500), (DIVISOR + 3, DIVISOR + 1), (2, 77)):
        renamed[clip == old] = new
    assert not np.array_equal(clip, renamed)
    result = feed(STQ(NUM_CLASSES, THINGS), 'a', clip, renamed).compute()
    assert (result['STQ'], result['AQ'], result['SQ']) == (1, 1, 1)
    pred = disturb(clip, 0)
    names = np.unique(pred[(pred // DIVISOR < 2) & (pred % DIVISOR > 0)])
    other = pred.copy()
    for name in names:
        other[pred == name] = name // DIVISOR * DIVISOR + 60000 - name % DIVISOR
    a, b = (feed(STQ(NUM_CLASSES, THINGS), 'a', clip, x).compute() for x in (pred, other))
    assert a['STQ'] == pytest.approx(b['STQ'], rel=1e-12) and 0.2 < a['STQ'] < 0.9


def test_merged_shards_equal_one_run_in_any_order():
    for expected, result in whole_and_merged(lambda: STQ(NUM_CLASSES, THINGS), split_video=True):
        assert {k: result[k] for k in ('STQ', 'AQ', 'SQ', 'num_frames', 'per_video')} == {
            k: expected[k] for k in ('STQ', 'AQ', 'SQ', 'num_frames', 'per_video')
        }


def test_merge_leaves_the_other_alone_and_refuses_what_cannot_be_joined():
    clip = make_clip(0)
    a, b = feed(STQ(NUM_CLASSES, THINGS), 'a', clip[:4], clip[:4]), STQ(NUM_CLASSES, THINGS)
    b.merge(a)
    feed(b, 'a', clip[4:], clip[4:], first=4)
    assert a.compute()['num_frames'] == 4 and b.compute()['num_frames'] == 9
    c = feed(STQ(NUM_CLASSES, THINGS), 'a', clip[3:6], clip[3:6], first=3)
    with pytest.raises(ValueError, match="video 'a'.*overlapping frames"):
        c.merge(a)
    with pytest.raises(ValueError, match='different options'):
        c.merge(STQ(NUM_CLASSES, THINGS, void_pixels='drop'))


def test_repeated_frames_count_once():
    clip = make_clip(1)
    pred = disturb(clip, 1)
    once = feed(STQ(NUM_CLASSES, THINGS), 'a', clip, pred)
    twice = feed(feed(STQ(NUM_CLASSES, THINGS), 'a', clip, pred), 'a', clip[:3], pred[:3])
    assert not twice.update('a', 2, joint_histogram(clip[2], pred[2]))
    assert twice.compute()['per_video'] == once.compute()['per_video']


def test_one_frame_video_frame_without_objects_and_nothing_but_void():
    empty = np.full((1, 6, 6), 2 * DIVISOR, np.int32)
    void = np.full((2, 6, 6), VOID_ID, np.int32)
    statistics = feed(STQ(NUM_CLASSES, THINGS), 'one', make_clip(0)[:1], make_clip(0)[:1])
    feed(feed(statistics, 'empty', empty, empty), 'void', void, np.full_like(void, 3 * DIVISOR))
    result = statistics.compute()
    assert result['STQ'] == 1
    assert result['per_video']['one']['STQ'] == 1
    assert (result['per_video']['empty']['AQ'], result['per_video']['empty']['SQ']) == (0, 1)
    assert math.isnan(result['per_video']['void']['STQ']) and result['per_video']['void']['AQ'] == 0
    nothing = STQ(NUM_CLASSES, THINGS).compute()
    assert math.isnan(nothing['STQ']) and nothing['num_frames'] == 0


def test_state_does_not_grow_with_the_video():
    clip = make_clip(2)
    histogram = joint_histogram(clip[5], disturb(clip, 2)[5])
    statistics = STQ(NUM_CLASSES, THINGS)
    sizes = []
    for t in range(3000):
        statistics.update('a', t, histogram)
        if t in (999, 2999):
            statistics.compute()
            sizes.append(len(pickle.dumps(statistics)))
        assert len(statistics.videos['a'].pending) < 2048
    assert sizes[1] <= sizes[0] + 16


def test_wrong_options_and_labels_are_refused():
    with pytest.raises(ValueError, match='void_pixels'):
        STQ(3, [0], void_pixels='ignore')
    with pytest.raises(ValueError, match=r'things \[3\]'):
        STQ(3, [3])
    fine, wrong = ids([[(0, 1)]]), ids([[(5, 1)]])
    with pytest.raises(ValueError, match=r"video 'a', frame 7, prediction: class labels \[5\]"):
        feed(STQ(3, [0]), 'a', [fine], [wrong], first=7)
    with pytest.raises(ValueError, match='ground truth'):
        feed(STQ(3, [0]), 'a', [wrong], [fine])
