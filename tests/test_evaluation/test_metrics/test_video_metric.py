from unittest import mock

import numpy as np
import pytest

from tests.test_evaluation.clips import NUM_CLASSES, THINGS, disturb, feed
from tests.test_evaluation.test_metrics.runs import META, METRICS, VIDEOS, evaluator, frame_results, process
from videoseg.evaluation.functional import STQ, VPQ
from videoseg.evaluation.metrics import STQMetric, VPQMetric, frame_view
from videoseg.registry import METRICS as REGISTRY

NAMES = {f'stq/{x}' for x in ('STQ', 'AQ', 'SQ')} | {
    f'vpq/VPQ{x}' for x in ('', '_thing', '_stuff', '_1', '_2', '_4', '_6')
}


@pytest.fixture
def expected():
    stq, vpq = STQ(NUM_CLASSES, THINGS), VPQ(NUM_CLASSES, THINGS)
    for video_id, clip in VIDEOS.items():
        feed(stq, video_id, clip, disturb(clip, 0))
        feed(vpq, video_id, clip, disturb(clip, 0))
    return stq.compute(), vpq.compute()


@pytest.mark.parametrize('batch_size', [1, 3])
def test_metrics_report_what_the_functions_compute(expected, batch_size):
    run = process(evaluator(), 'a', 'b', 'c', batch_size=batch_size)
    numbers = run.evaluate(20)
    stq, vpq = expected
    assert set(numbers) == NAMES
    assert [numbers[f'stq/{x}'] for x in ('STQ', 'AQ', 'SQ')] == [stq[x] for x in ('STQ', 'AQ', 'SQ')]
    assert [numbers[f'vpq/{x}'] for x in ('VPQ', 'VPQ_thing')] == [vpq[x] for x in ('VPQ', 'VPQ_thing')]
    assert numbers['vpq/VPQ_4'] == vpq['per_window'][4]['all']['PQ']
    assert 0.2 < numbers['stq/STQ'] < 1 and 0.2 < numbers['vpq/VPQ'] < 1


def test_second_evaluation_starts_anew_and_size_does_not_truncate():
    run = process(evaluator(), 'a')
    alone = run.evaluate(1)
    assert process(run, 'a', 'b', 'c').evaluate(3) != alone
    assert process(run, 'a', 'a').evaluate(1000) == alone


def test_nothing_per_frame_is_kept():
    run = process(evaluator(), 'a')
    assert all(metric.results == [] for metric in run.metrics)


def test_histogram_of_a_frame_is_counted_once_for_all_metrics():
    with mock.patch.object(frame_view, 'joint_histogram', wraps=frame_view.joint_histogram) as count:
        process(evaluator([*METRICS, {'type': 'PQMetric'}, {'type': 'SemanticIoUMetric'}]), 'a', 'b', batch_size=3)
    assert count.call_count == len(VIDEOS['a']) + len(VIDEOS['b'])


def test_refilled_batch_list_is_counted_anew():
    metric, once = STQMetric(), STQMetric()
    metric.dataset_meta = once.dataset_meta = META
    batch, sample = [None], {}
    for result in frame_results('a'):
        once.process(None, [result.to_dict()])
        sample.clear()
        sample.update(result.to_dict())
        batch[0] = sample
        metric.process(None, batch)
    assert metric.evaluate(7) == once.evaluate(7)


def test_plain_arrays_are_taken():
    metric = STQMetric()
    metric.dataset_meta = META
    for t, frame in enumerate(VIDEOS['a']):
        metric.process(None, [{'video_id': 'a', 'frame_id': t, 'pred_panoptic_seg': frame, 'gt_panoptic_seg': frame}])
    assert metric.evaluate(7) == {'stq/STQ': 1, 'stq/AQ': 1, 'stq/SQ': 1}


def test_without_ground_truth_no_number_is_made_up(log):
    run = evaluator()
    for sample in frame_results('b', gt=False):
        run.process([sample])
    assert run.evaluate(4) == {}
    assert 'STQMetric: no score: none of the 4 frames has ground truth; a PredictionWriter' in log.text
    assert [metric.last_result for metric in run.metrics] == [None, None]


def test_nothing_given_is_said(log):
    assert evaluator().evaluate(0) == {}
    assert 'no frames were given' in log.text


def test_some_frames_without_ground_truth_are_left_out(log):
    run = evaluator([METRICS[0]])
    for t, (with_gt, without) in enumerate(zip(frame_results('b'), frame_results('b', gt=False), strict=True)):
        run.process([without if t == 3 else with_gt])
    numbers = run.evaluate(4)
    clip = VIDEOS['b']
    assert numbers['stq/STQ'] == feed(STQ(NUM_CLASSES, THINGS), 'b', clip[:3], disturb(clip, 0)[:3]).compute()['STQ']
    assert '1 frames without ground truth were left out' in log.text


def test_missing_frames_are_an_error_unless_allowed():
    run = evaluator()
    for sample in frame_results('a', stop=5):
        run.process([sample])
    with pytest.raises(ValueError, match=r"video 'a': 5 of 7 frames were predicted \(FrameSet\(0..4\)\)"):
        run.evaluate(7)
    allowed = STQMetric(allow_missing_frames=True)
    allowed.dataset_meta = META
    allowed.process(None, [x.to_dict() for x in frame_results('a', stop=5)])
    assert 0 < allowed.evaluate(7)['stq/STQ'] < 1


def test_last_result_holds_classes_videos_and_protocol(expected):
    run = process(evaluator(), 'a', 'b', 'c')
    numbers = run.evaluate(20)
    stq, vpq = run.metrics
    assert {f'vpq/{name}': vpq.last_result[name] for name in vpq.last_names} == {
        name: value for name, value in numbers.items() if name.startswith('vpq/')
    }
    assert stq.last_result['per_video'] == expected[0]['per_video']
    assert vpq.last_result['protocol'] == expected[1]['protocol']
    assert run.evaluate(20) == {} and stq.last_result is None


def test_log_shows_classes(log):
    process(evaluator(), 'a').evaluate(7)
    for word in (*META['classes'], 'IoU', 'VPQ_6', '1 videos, 7 frames'):
        assert word in log.text


def test_options_reach_the_statistics():
    metric = VPQMetric(windows=[1, 3], rules='label_divisor', class_average='all', prefix='kitti')
    metric.dataset_meta = META
    protocol = metric.build_statistics(4, range(2)).protocol
    assert (protocol['windows'], protocol['rules'], protocol['class_average']) == ([1, 3], 'label_divisor', 'all')
    metric.process(None, [x.to_dict() for x in frame_results('a')])
    assert set(metric.evaluate(7)) == {f'kitti/VPQ{x}' for x in ('', '_thing', '_stuff', '_1', '_3')}
    assert STQMetric(void_pixels='drop').build_statistics(4, range(2)).protocol['void_pixels'] == 'drop'
    with pytest.raises(TypeError, match='window_sizes'):
        REGISTRY.build({'type': 'VPQMetric', 'window_sizes': (1,)})


def test_process_tracks_is_part_of_the_interface():
    assert STQMetric().process_tracks('a', {}) is None


def test_errors_name_frame_and_key():
    metric = STQMetric()
    with pytest.raises(KeyError, match="metainfo has no 'classes'"):
        metric.process(None, [])
    metric.dataset_meta = META
    good = next(frame_results('a')).to_dict()
    with pytest.raises(KeyError, match='frame_id'):
        metric.process(None, [{k: v for k, v in good.items() if k != 'frame_id'}])
    with pytest.raises(KeyError, match="video 'a', frame 0: no 'pred_panoptic_seg'"):
        metric.process(None, [{k: v for k, v in good.items() if k != 'pred_panoptic_seg'}])
    with pytest.raises(ValueError, match=r"video 'a', frame 0: ground truth \(24, 32\), prediction \(5, 5\)"):
        metric.process(None, [{**good, 'pred_panoptic_seg': np.zeros((5, 5), int)}])
    with pytest.raises(ValueError, match=r"video 'a', frame 0: pred_panoptic_seg has shape \(2, 5, 5\)"):
        metric.process(None, [{**good, 'pred_panoptic_seg': np.zeros((2, 5, 5), int)}])
