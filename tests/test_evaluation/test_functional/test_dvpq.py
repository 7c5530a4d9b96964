import itertools
import json

import numpy as np
import pytest

from tests.parity_data import parity_file
from tests.test_evaluation.clips import NUM_CLASSES, THINGS, disturb, ids, make_clip, recorded
from tests.test_evaluation.recorded_numbers import assert_all_equal, divisor_entry
from videoseg.evaluation.functional import DVPQ, VPQ, joint_histogram
from videoseg.structures.ids import DIVISOR, VOID_ID

INF = float('inf')


def feed(statistics, video_id, gt, pred, gt_depth, pred_depth, first=0):
    for t, maps in enumerate(zip(gt, pred, gt_depth, pred_depth, strict=True)):
        statistics.update(video_id, first + t, *maps)
    return statistics


def make_depth(seed, shape):
    """True depth with unknown pixels, and a prediction that is often wrong; uint16."""
    rng = np.random.default_rng(seed)
    true = rng.integers(200, 4000, shape)
    pred = true * rng.choice([0.3, 0.6, 0.8, 1.2, 1.9, *[1] * 25], shape)
    return np.where(rng.random(shape) < 0.2, 0, true).astype(np.uint16), pred.astype(np.uint16)


def recorded_run(params, arrays, names, **options):
    """Statistics of a recorded group with the means over present classes and over all classes."""
    make = [
        DVPQ(
            params['num_classes'],
            params['things'],
            params['windows'],
            params['lambdas'][1:],
            class_average=x,
            **options,
        )
        for x in ('present', 'all')
    ]
    for name in names:
        pred = arrays[f'pred_{name}']
        if 'label_divisor' in params:  # void is predicted as class 19 in the files of Cityscapes-DVPS
            pred = np.where(pred == 19 * 1000, 32 * 1000, pred)
        feed(make[0], name, arrays[f'gt_{name}'], pred, arrays[f'depth_gt_{name}'], arrays[f'depth_pred_{name}'])
    make[1].merge_videos(make[0].videos)
    return make[1].compute(), make[0].compute()


def mean_of(result, windows, thresholds):
    return np.mean([result[f'DVPQ_{k}@{x:g}'] for k in windows for x in thresholds])


@pytest.fixture(scope='module')
def step():
    arrays, _, params, _ = recorded('step_stq')
    record = json.loads(parity_file('metrics', 'step_dvpq.json').read_text())
    return record, recorded_run(record['params'], arrays, params['sequences'])


@pytest.mark.parametrize('threshold', ['inf', 0.5, 0.25, 0.1])
@pytest.mark.parametrize('size', [1, 2, 4, 5, 6, 10, 15])
def test_parity_kitti_step(step, size, threshold):
    record, (all_classes, present) = step
    parts = [x['per_threshold'][float(threshold)][size] for x in (all_classes, present)]
    per_video = {name: x[f'DVPQ_{size}@{threshold}'] for name, x in all_classes['per_video'].items()}
    per_video = {name: x for name, x in per_video.items() if not np.isnan(x)}  # sequences shorter than a window
    expected = record['expected']['by_window'][f'k{size}_lambda{threshold}']
    assert_all_equal(divisor_entry(*parts, per_video), expected, record['tolerance'])


def test_parity_kitti_step_means(step):
    record, results = step
    final = {}
    for average, result in zip(('all19', 'seen'), results, strict=True):
        for sizes in ((1, 2, 4, 6), (1, 5, 10, 15)):
            name = f'k{"_".join(map(str, sizes))}_mean_{average}'
            final[f'vpq_{name}'] = mean_of(result, sizes, [INF])
            final[f'dvpq_{name}'] = mean_of(result, sizes, [0.5, 0.25, 0.1])
    assert_all_equal(final, record['expected']['final'], record['tolerance'])
    assert set(record['expected']) == {'final', 'by_window'} and len(record['expected']['by_window']) == 28


def test_parity_cityscapes_dvps():
    arrays, expected, params, tolerance = recorded('city_dvpq')
    names = [str(x) for x in range(params['sequences'])]
    results = recorded_run(params, arrays, names, ignore_label=params['ignore_label'], divisor=params['label_divisor'])
    tree = {'by_window': {}, 'final': {}}
    for size, threshold in itertools.product(params['windows'], params['lambdas']):
        parts = [x['per_threshold'][float(threshold)][size] for x in results]
        tree['by_window'][f'k{size}_lambda{threshold}'] = divisor_entry(*parts)
    tree['final'] = {'dvpq_mean_all19': results[0]['DVPQ'], 'dvpq_mean_seen': results[1]['DVPQ']}
    assert_all_equal(tree, expected, tolerance)


def test_unsigned_depth_does_not_wrap():
    """Depth that is too small by 20 % stays within 25 %: the official subtraction of uint16 makes it huge."""
    gt = ids([[(0, 1)] * 4])
    true, low = np.full((1, 4), 1000, np.uint16), np.full((1, 4), 800, np.uint16)
    result = feed(DVPQ(1, [0], (1,)), 'a', [gt], [gt], [true], [low]).compute()
    assert (result['DVPQ@0.5'], result['DVPQ@0.25'], result['DVPQ@0.1']) == (1, 1, 0)
    assert result['DVPQ'] == pytest.approx(2 / 3) and result['DVPQ@inf'] == 1
    assert result['per_class']['DVPQ'].tolist() == pytest.approx([2 / 3])
    assert result['per_class']['DVPQ@0.1'].tolist() == [0]


def test_threshold_itself_is_inside_and_unknown_depth_is_free():
    gt = ids([[(0, 1)] * 3 + [(1, 1)]])
    true, pred = np.array([[100, 100, 0, 100]]), np.array([[125, 126, 999, 0]])
    counts = feed(DVPQ(2, [0, 1], (1,), (0.25,)), 'a', [gt], [gt], [true], [pred]).compute()
    columns = counts['per_threshold'][0.25][1]['per_class']
    assert columns['IoU_sum'].tolist() == pytest.approx([2 / 3, 0])  # of 125, 126 and the unknown pixel
    assert columns['FN'].tolist() == [0, 1] and columns['FP'].tolist() == [0, 0]


@pytest.mark.filterwarnings('error')
def test_depth_that_is_not_a_number_is_wrong():
    gt = ids([[(0, 1)] * 4])
    true = np.array([[2.0, 2.0, 2.0, 0.0]])
    for bad in (np.nan, np.inf, -1.0):
        result = feed(DVPQ(1, [0], (1,)), 'a', [gt], [gt], [true], [np.full((1, 4), bad)]).compute()
        assert (result['DVPQ'], result['DVPQ@inf']) == (0, 1)


def test_one_pass_equals_vpq_of_maps_with_void():
    clip = make_clip(4, num_frames=8)
    pred = disturb(clip, 4)
    true, depth = make_depth(4, clip.shape)
    result = feed(DVPQ(NUM_CLASSES, THINGS, (1, 2, 4)), 'a', clip, pred, true, depth).compute()
    for threshold in (0.5, 0.25, 0.1, INF):
        wrong = (true > 0) & (np.abs(depth.astype(float) - true) > threshold * np.maximum(true, 1.0))
        vpq = VPQ(NUM_CLASSES, THINGS, (1, 2, 4), rules='label_divisor')
        for t, frame in enumerate(np.where(wrong, VOID_ID, pred)):
            vpq.update('a', t, joint_histogram(clip[t], frame))
        expected = vpq.compute()
        for size in (1, 2, 4):
            ours, theirs = (
                x['per_class'] for x in (result['per_threshold'][threshold][size], expected['per_window'][size])
            )
            for name in theirs:
                np.testing.assert_allclose(ours[name], theirs[name], rtol=0, atol=1e-12)
    assert result['DVPQ@0.5'] > result['DVPQ@0.25'] > result['DVPQ@0.1'] > 0


def test_names_and_protocol():
    statistics = DVPQ(NUM_CLASSES, THINGS, (1, 3), (0.1, 0.5), ignore_label=32, divisor=1000)
    assert statistics.prefix == 'dvpq' and statistics.names == (
        *('DVPQ', 'DVPQ_thing', 'DVPQ_stuff', 'DVPQ@0.5', 'DVPQ@0.1', 'DVPQ@inf'),
        *('DVPQ_1@0.5', 'DVPQ_1@0.1', 'DVPQ_1@inf', 'DVPQ_3@0.5', 'DVPQ_3@0.1', 'DVPQ_3@inf'),
    )
    result = statistics.compute()
    assert all(np.isnan(result[name]) for name in statistics.names) and result['num_frames'] == 0
    assert result['protocol'] == {
        'metric': 'DVPQ',
        'windows': [1, 3],
        'depth_thresholds': [0.5, 0.1],
        'num_classes': NUM_CLASSES,
        'things': list(THINGS),
        'rules': 'label_divisor',
        'class_average': 'present',
        'ignore_label': 32,
        'min_overlap': 0.5,
        'divisor': 1000,
    }


def test_repeated_frames_count_once_and_order_matters():
    clip = make_clip(1, num_frames=4)
    maps = clip, disturb(clip, 1), *make_depth(1, clip.shape)
    once = feed(DVPQ(NUM_CLASSES, THINGS), 'a', *maps)
    twice = feed(feed(DVPQ(NUM_CLASSES, THINGS), 'a', *maps), 'a', *maps)
    assert repr(twice.compute()) == repr(once.compute()) and once.compute()['num_frames'] == 4
    late = feed(DVPQ(NUM_CLASSES, THINGS), 'a', *maps, first=3)
    with pytest.raises(ValueError, match="video 'a', frame 1 comes after frame 6"):
        late.update('a', 1, *(x[0] for x in maps))
    with pytest.raises(ValueError, match="video 'a'.*hands whole videos"):
        late.merge(once)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'depth_thresholds': ()}, 'depth_thresholds'),
        ({'depth_thresholds': (0.5, INF)}, 'depth_thresholds'),
        ({'depth_thresholds': (0.5, 0.5)}, 'depth_thresholds'),
        ({'depth_thresholds': (0,)}, 'depth_thresholds'),
        ({'windows': (0,)}, 'windows'),
        ({'rules': 'coco'}, 'rules'),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DVPQ(3, [0], **options)


def test_wrong_input_is_refused_and_leaves_nothing_behind():
    statistics = DVPQ(3, [0])
    fine, depth = ids([[(0, 1)] * 2]), np.ones((1, 2))
    with pytest.raises(ValueError, match=r"video 'a', frame 3: .*\(1, 2\) and \(1, 2\), depth \(1, 2\) and \(2, 1\)"):
        statistics.update('a', 3, fine, fine, depth, depth.T)
    with pytest.raises(TypeError, match="video 'a', frame 3: prediction ids have type float64"):
        statistics.update('a', 3, fine, fine * 1.0, depth, depth)
    with pytest.raises(ValueError, match=r"video 'a', frame 3, prediction: class labels \[7\]"):
        statistics.update('a', 3, fine, np.full((1, 2), 7 * DIVISOR), depth, depth)
    assert statistics.videos == {}
