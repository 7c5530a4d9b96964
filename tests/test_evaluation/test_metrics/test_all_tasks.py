"""Metrics of every task beside each other, with each kind of ground truth."""

from unittest import mock

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, PixelData

from tests.test_evaluation.clips import NUM_CLASSES, THINGS, disturb, feed
from tests.test_evaluation.test_metrics.runs import (
    ALL_METRICS,
    META,
    VIDEOS,
    evaluator,
    frame_results,
    process,
    track_table,
)
from videoseg.evaluation.functional.frame_masks import FrameMasks, GTTrack, PredTrack
from videoseg.evaluation.functional.pq import PQ
from videoseg.evaluation.functional.semantic_iou import SemanticIoU
from videoseg.evaluation.functional.video_ap import VideoAP
from videoseg.evaluation.functional.video_consistency import VideoConsistency
from videoseg.evaluation.metrics import VideoAPMetric, VideoConsistencyMetric
from videoseg.evaluation.metrics import frame_view as view_module
from videoseg.evaluation.metrics.frame_view import FrameView
from videoseg.structures.ids import DIVISOR
from videoseg.structures.rle import decode_masks, encode_masks

PREFIXES = {
    'panoptic': {'stq', 'vpq', 'pq', 'ap', 'jf', 'vss', 'vc'},
    'semantic': {'vss', 'vc'},
    'instance': {'ap', 'jf'},
}


def tracks_of(ids, numbers):
    return FrameMasks(numbers.tolist(), encode_masks(ids[None] == numbers[:, None, None]))


def expected_ap():
    """AP with crowds, by hand from maps: thing ids are ground truth, instance 0 is crowd; things are predictions."""
    ap = VideoAP(NUM_CLASSES)
    for video_id, clip in VIDEOS.items():
        pred = disturb(clip, 0)
        things = np.unique(clip[clip // DIVISOR < 2])
        numbers = np.unique(pred % DIVISOR)[1:]
        for t, (a, b) in enumerate(zip(clip, pred, strict=True)):
            ap.update(video_id, t, tracks_of(a, things), tracks_of(b % DIVISOR, numbers))
        gt = [GTTrack(int(x), int(x) // DIVISOR, is_crowd=x % DIVISOR == 0) for x in things]
        table = track_table(video_id)
        rows = zip(*(table[x].tolist() for x in ('ids', 'labels', 'scores')), strict=True)
        ap.finish_video(video_id, gt, [PredTrack(*row) for row in rows], len(clip))
    return ap.compute()


def test_every_metric_reports_what_its_statistics_compute():
    numbers = process(evaluator(ALL_METRICS), *VIDEOS).evaluate(20)
    pq, miou, vc = PQ(NUM_CLASSES, THINGS), SemanticIoU(NUM_CLASSES), VideoConsistency((2, 3))
    for video_id, clip in VIDEOS.items():
        pred = disturb(clip, 0)
        feed(pq, video_id, clip, pred)
        feed(miou, video_id, clip, pred)
        for t, (a, b) in enumerate(zip(clip, pred, strict=True)):
            vc.update(video_id, t, a // DIVISOR, b // DIVISOR)
    for statistics in (pq, miou, vc):
        result = statistics.compute()
        for name in statistics.names:
            assert numbers[f'{statistics.prefix}/{name}'] == result[name]
    ap = expected_ap()
    for name in ('AP', 'AP50', 'AP75', 'AR1', 'AR10', 'AR100'):
        assert numbers[f'ap/{name}'] == pytest.approx(ap[name], abs=1e-12)
    assert 0.02 < ap['AP'] < ap['AP50'] < 1 and 0.2 < numbers['jf/J&F'] < 1


@pytest.mark.parametrize('kind', PREFIXES)
def test_each_metric_scores_what_the_ground_truth_allows(kind, log):
    numbers = process(evaluator(ALL_METRICS), *VIDEOS, kind=kind).evaluate(20)
    full = process(evaluator(ALL_METRICS), *VIDEOS).evaluate(20)
    assert {x.split('/')[0] for x in numbers} == PREFIXES[kind]
    assert {k: v for k, v in full.items() if k in numbers} == pytest.approx(numbers, nan_ok=True, abs=1e-12)
    silent = len(ALL_METRICS) - len(PREFIXES[kind])
    assert log.text.count(f'no score: this data set has {kind} ground truth, and this metric needs') == silent


def test_metainfo_limits_what_maps_stand_for():
    meta = {**META, 'gt_kinds': ('instance',)}
    assert {x.split('/')[0] for x in process(evaluator(ALL_METRICS, meta), 'a').evaluate(7)} == {'ap', 'jf'}


def with_masks(video_id, **kwargs):
    """Frame results of an instance model: masks instead of a map."""
    for sample in frame_results(video_id, **kwargs):
        ids = sample.pred_panoptic_seg.panoptic_seg[0].numpy()
        del sample.pred_panoptic_seg
        rows = np.array([x for x in np.unique(ids) if x % DIVISOR])[::-1].copy()
        sample.pred_track_instances = InstanceData(
            labels=torch.from_numpy(rows // DIVISOR),
            scores=torch.linspace(0.1, 0.9, len(rows)),
            instances_id=torch.from_numpy(rows % DIVISOR),
            masks=torch.from_numpy(ids[None] == rows[:, None, None]),
        )
        yield sample


def test_masks_and_maps_of_the_same_tracks_score_alike():
    metrics = [{'type': 'VideoAPMetric'}, {'type': 'JAndFMetric'}]
    run = evaluator(metrics)
    for sample in with_masks('c', kind='instance'):
        run.process([sample])
    for metric in run.metrics:
        metric.process_tracks('c', track_table('c'))
    assert run.evaluate(9) == pytest.approx(process(evaluator(metrics), 'c').evaluate(9), nan_ok=True)


def test_tracks_of_a_frame_are_joined_and_untracked_rows_left_out():
    masks = np.zeros((4, 2, 4), bool)
    masks[0, 0, :2], masks[1, 1, :2], masks[2, :, 3], masks[3] = True, True, True, True
    rows = {'instances_id': np.array([5, 5, 2, 0]), 'masks': masks, 'scores': np.array([0.9, 0.9, 0.5, 1])}
    view = FrameView({'video_id': 'v', 'frame_id': 0, 'ori_shape': (2, 4), 'pred_track_instances': rows}, 2)
    ids, rles = view.pred_tracks
    assert ids.tolist() == [2, 5]
    np.testing.assert_array_equal(decode_masks(rles, (2, 4)), [masks[2], masks[0] | masks[1]])


def test_best_tracks_are_kept():
    scores = {}
    for limit in (1, 3, 100):
        metric = VideoAPMetric(max_per_video=limit)
        metric.dataset_meta = META
        metric.process(None, [x.to_dict() for x in frame_results('a')])
        with mock.patch.object(VideoAP, 'finish_video', autospec=True, side_effect=VideoAP.finish_video) as finish:
            metric.process_tracks('a', track_table('a'))
        pred = finish.call_args.args[3]
        assert [x.score for x in pred] == sorted(track_table('a')['scores'].tolist(), reverse=True)[:limit]
        scores[limit] = metric.evaluate(7)['ap/AR100']
        assert metric.last_result['protocol']['max_per_video'] == limit
    assert scores[1] < scores[3] <= scores[100]


def test_a_track_of_the_table_without_masks_is_a_false_positive():
    numbers, table = [], track_table('a')
    empty = dict(ids=torch.tensor([999]), labels=table['labels'][:1], scores=torch.tensor([1.0]))
    for rows in (table, {name: torch.cat([table[name], empty[name].to(table[name])]) for name in table}):
        metric = VideoAPMetric()
        metric.dataset_meta = META
        metric.process(None, [x.to_dict() for x in frame_results('a')])
        metric.process_tracks('a', rows)
        numbers.append(metric.evaluate(7))
    assert 0 < numbers[1]['ap/AP'] < numbers[0]['ap/AP'] and numbers[1]['ap/AR100'] == numbers[0]['ap/AR100']


def test_class_agnostic_ap_forgives_wrong_classes_only():
    table = track_table('a')
    wrong = {**table, 'labels': 1 - table['labels']}
    scores = []
    for agnostic, rows in ((False, table), (False, wrong), (True, table), (True, wrong)):
        metric = VideoAPMetric(class_agnostic=agnostic)
        metric.dataset_meta = META
        metric.process(None, [x.to_dict() for x in frame_results('a')])
        metric.process_tracks('a', rows)
        scores.append(metric.evaluate(7)['ap/AP50'])
        assert bool(metric.last_result['per_class']) is not agnostic
    assert scores[1] == 0 < scores[0] and scores[2] == scores[3] > 0


def test_occlusion_bins():
    metric = VideoAPMetric(occlusion='ovis')
    metric.dataset_meta = META
    for sample in frame_results('a', kind='instance'):
        sample.gt_instances.occlusion = torch.full((len(sample.gt_instances),), 0.75)
        metric.process(None, [sample.to_dict()])
    metric.process_tracks('a', track_table('a'))
    numbers = metric.evaluate(7)
    assert numbers['ap/AP_heavy'] > 0 and np.isnan(numbers['ap/AP_light'])


def test_consistency_of_videos_whose_windows_come_mixed():
    together, apart = VideoConsistencyMetric(windows=(2, 3)), VideoConsistencyMetric(windows=(2, 3))
    together.dataset_meta = apart.dataset_meta = META
    videos = {x: [s.to_dict() for s in frame_results(x)] for x in VIDEOS}
    for t in range(9):
        together.process(None, [frames[t] for frames in videos.values() if t < len(frames)])
        for video_id, frames in videos.items():
            if t == len(frames) - 1:
                together.process_tracks(video_id, track_table(video_id))
                assert video_id not in together._running  # its maps are forgotten
    for frames in videos.values():
        apart.process(None, frames)
    assert together.evaluate(20) == apart.evaluate(20)


def test_raw_values_of_the_files_decide_consistency():
    """Two void values are two labels."""
    metric, labels = VideoConsistencyMetric(windows=(1,)), np.full((1, 2, 2), 255, np.uint8)
    metric.dataset_meta = META
    for t, raw in enumerate((0, 255, 255)):
        gt = {'sem_seg': labels, 'raw_seg': np.full((1, 2, 2), raw, np.uint8)}
        pred = {'sem_seg': np.zeros((1, 2, 2), np.uint8)}
        metric.process(None, [{'video_id': 'v', 'frame_id': t, 'gt_sem_seg': gt, 'pred_sem_seg': pred}])
    view = FrameView({'video_id': 'v', 'frame_id': 0, 'gt_sem_seg': gt}, 2)
    assert (view.gt_raw_labels == 255).all() and (view.gt_labels == 255).all()
    assert metric.evaluate(3) == {'vc/VC1': 1}


def test_masks_are_encoded_once_for_all_metrics():
    with mock.patch.object(view_module, 'encode_ids', wraps=view_module.encode_ids) as encode:
        process(evaluator([{'type': 'VideoAPMetric'}, {'type': 'VideoAPMetric', 'prefix': 'ap10'}]), 'b')
    assert encode.call_count == 2 * len(VIDEOS['b'])  # ground truth and prediction


def test_nothing_of_a_finished_video_is_kept_but_numbers():
    metric = VideoAPMetric()
    metric.dataset_meta = META
    for video_id in VIDEOS:
        metric.process(None, [x.to_dict() for x in frame_results(video_id)])
        metric.process_tracks(video_id, track_table(video_id))
        assert not metric._true_tracks and metric._statistics.videos[video_id].overlaps is None


def test_errors_name_the_remedy():
    (sample,) = frame_results('a', stop=1)
    seg = sample.pred_panoptic_seg
    del sample.pred_panoptic_seg
    for metric, message in (
        ('PQMetric', "video 'a', frame 0: no 'pred_panoptic_seg'; PQMetric needs a panoptic postprocessor"),
        ('VideoAPMetric', "nor masks in 'pred_track_instances'; VideoAPMetric needs a panoptic or instance"),
        ('JAndFMetric', 'JAndFMetric needs a panoptic or instance postprocessor'),
        ('SemanticIoUMetric', "nor 'pred_sem_seg'; SemanticIoUMetric needs a panoptic or semantic"),
        ('VideoConsistencyMetric', 'VideoConsistencyMetric needs a panoptic or semantic'),
    ):
        with pytest.raises(KeyError, match=message):
            evaluator([{'type': metric}]).process([sample])
    run = evaluator([{'type': 'VideoAPMetric'}])
    sample.pred_panoptic_seg = PixelData(panoptic_seg=seg.panoptic_seg)
    run.process([sample])
    with pytest.raises(ValueError, match="video 'a' was not finished by process_tracks: .* VideoTestLoop"):
        run.evaluate(1)
    with pytest.raises(ValueError, match='max_per_video is 0'):
        VideoAPMetric(max_per_video=0)
