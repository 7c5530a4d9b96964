"""Instances chosen when the video ends: against a read-out that keeps everything, and the rules one by one."""

import copy

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from tests.test_models.test_postprocessors.small_predictions import columns, meta_of, prediction_of
from tests.test_models.tiny_models import batch, tiny_model, video
from videoseg.evaluation.metrics import VideoAPMetric
from videoseg.evaluation.metrics.frame_view import FrameView
from videoseg.registry import MODELS
from videoseg.structures.rle import decode_masks, encode_masks

SIZE = (8, 12)


def build(**kwargs):
    return MODELS.build(dict(type='VideoInstancePostprocessor', **kwargs))


def random_windows(lengths, num_queries=6, num_labels=3, activation='softmax', seed=0):
    """Predictions of the windows of a video; row i is the same object in all of them."""
    generator = torch.Generator().manual_seed(seed)
    windows = []
    for length in lengths:
        prediction = prediction_of(
            torch.full((num_queries, length, *SIZE), 0.5), torch.full((num_queries, num_labels + 1), 0.25)
        )
        width = num_labels + (activation == 'softmax')
        prediction.class_logits = torch.randn(1, num_queries, width, generator=generator) * 2
        prediction.mask_logits = torch.randn(1, num_queries, length, *SIZE, generator=generator) * 2 - 1
        prediction.mask_logits[0, 2] = -3  # never seen
        prediction.activation, prediction.num_things = activation, num_labels
        windows.append(prediction)
    return windows


def stream(postprocessor, windows, overlap=0):
    """The final table, the segments of every window, and the running tables."""
    table, tables, segments, start = {}, [], [], 0
    for prediction in windows:
        frames = prediction.mask_logits.shape[2]
        found = postprocessor(prediction, meta_of(*SIZE, frames))
        found.track_ids = found.query_index + 1
        new = range(start, start + frames - (overlap if start else 0))
        table = postprocessor.update_table(table, prediction, found, new)
        start = new.stop
        tables.append(table)
        segments.append(found)
    return postprocessor.finish_table(table), segments, tables


@pytest.mark.parametrize('compat', [False, True])
@pytest.mark.parametrize('activation', ['softmax', 'sigmoid'])
def test_equals_a_read_out_that_keeps_everything(activation, compat):
    windows = random_windows([3, 2, 4], activation=activation)
    table, segments, _ = stream(build(max_per_video=7, compat=compat), windows)
    logits = torch.stack([x.class_logits[0] for x in windows]).mean(0)
    scores = logits.softmax(-1)[:, :-1] if activation == 'softmax' else logits.sigmoid()
    best, index = scores.flatten().topk(7)
    probs = torch.cat([x.mask_logits[0] for x in windows], 1).sigmoid()
    masks = probs > 0.5
    quality = (probs * masks).sum((2, 3)) / masks.sum((2, 3)).clamp(min=1)
    assert quality.shape == (6, 9) and not masks[2].any()
    expected = []
    for rank, (score, pair) in enumerate(zip(best.tolist(), index.tolist(), strict=True), 1):
        query, label = divmod(pair, 3)
        seen = quality[query] > 0
        if bool(seen.any()) or compat:
            mean = quality[query].sum() / (9 if compat else max(int(seen.sum()), 1))
            expected.append((rank, label, query + 1, score * float(mean)))
    rows = zip(*(table[name].tolist() for name in ('ids', 'labels', 'mask_ids', 'scores')), strict=True)
    for row, wanted in zip(rows, expected, strict=True):
        assert row[:3] == wanted[:3] and row[3] == pytest.approx(wanted[3], rel=1e-5)
    assert len(set(table['mask_ids'].tolist())) < len(table['ids'])
    assert torch.equal(torch.cat([x.masks for x in segments], 1), masks)


def test_state_does_not_grow_and_remembers_when_objects_were_seen():
    _, _, tables = stream(build(), random_windows([2] * 6))
    sizes = [{name: column.shape for name, column in table.items()} for table in tables]
    assert all(size == sizes[0] for size in sizes)
    masks = torch.full((2, 6, *SIZE), 0.1)
    masks[0, 1:3, :, :4] = masks[0, 4, :, :4] = 0.9
    windows = []
    for start in (0, 3):
        windows.append(prediction_of(masks[:, start : start + 3], [[0.9, 0.1], [0.05, 0.02]]))
    table, _, _ = stream(build(max_per_video=2), windows)
    assert table['mask_ids'].tolist() == [1, 1]
    for name, value in dict(num_frames=3, first_frame=1, last_frame=4).items():
        assert table[name].tolist() == [value, value]
    assert table['scores'].tolist() == pytest.approx([0.9 * 0.9, 0.1 * 0.9], rel=1e-4)


def test_overlapping_frames_count_once():
    windows = random_windows([3, 3])
    whole = copy.deepcopy(windows[1])
    table, _, _ = stream(build(), [windows[0], whole], overlap=1)
    cut = copy.deepcopy(windows[1])
    cut.mask_logits = cut.mask_logits[:, :, 1:]
    expected, _, _ = stream(build(), [windows[0], cut])
    for name, column in expected.items():
        torch.testing.assert_close(table[name], column)
    assert table['num_frames'].max() == 5


def test_the_best_slots_of_a_frame_leave():
    """By class score x quality: the surest mask of a poor class stays behind."""
    masks = columns((0, 3), (3, 6), (6, 9), value=0.7)
    masks[2] = (masks[2] > 0.5) * 0.99
    prediction = prediction_of(masks, [[0.9, 0.2], [0.1, 0.6], [0.3, 0.2]])
    table, (segments,), _ = stream(build(max_per_frame=2), [prediction])
    assert segments.masks.flatten(1).any(1).tolist() == [True, True, False]
    assert set(table['mask_ids'].tolist()) == {1, 2}
    assert segments.labels.tolist() == [0, 1, 0]


def test_weak_slots_and_pairs_are_left_out():
    prediction = prediction_of(columns((0, 3), (3, 6)), [[0.9, 0.2], [0.3, 0.35]])
    table, (segments,), _ = stream(build(score_thr=0.4), [prediction])
    assert segments.masks.flatten(1).any(1).tolist() == [True, False]
    assert table['labels'].tolist() == [0] and table['mask_ids'].tolist() == [1]


def test_labels_and_scores_of_frames_are_those_so_far():
    masks = columns((0, 3))
    first, second = prediction_of(masks, [[0.9, 0.2]]), prediction_of(masks, [[0.3, 0.99]])
    _, segments, _ = stream(build(), [first, second])
    mean = ((first.class_logits + second.class_logits) / 2).sigmoid()[0, 0]
    assert [x.labels.tolist() for x in segments] == [[0], [1]]
    assert [x.scores.item() for x in segments] == pytest.approx([0.9, mean[1].item()])


def test_stuff_is_no_instance():
    prediction = prediction_of(columns((0, 3), (3, 6)), [[0.9, 0.2, 0.8], [0.1, 0.6, 0.95]], num_stuff=1)
    table, (segments,), _ = stream(build(), [prediction])
    assert segments.query_index.tolist() == [0]
    assert sorted(table['labels'].tolist()) == [0, 1]


def test_bad_input():
    windows = random_windows([2])
    segments = build()(windows[0], meta_of(*SIZE, 2))
    segments.track_ids = torch.arange(6)
    with pytest.raises(ValueError, match='QueryMatchingTracker or KernelIndexTracker'):
        build().update_table({}, windows[0], segments, range(2))
    with pytest.raises(ValueError, match='same queries in all windows'):
        stream(build(), [*windows, *random_windows([2], num_queries=5)])
    for name in ('max_per_video', 'max_per_frame'):
        with pytest.raises(ValueError, match=f'{name} must be at least 1'):
            build(**{name: 0})
    assert len(build().finish_table({})['ids']) == 0


# ---------------------------------------------------------------- with segmentor and metric


def tracked_frames():
    """Two objects that share a frame, as frame results with ground truth, and their table."""
    masks = torch.full((3, 4, *SIZE), 0.1)
    masks[0, :, :, :4], masks[1, 1:, 4:, 6:] = 0.9, 0.9
    truth = [(masks[i] > 0.5).numpy() for i in range(2)]
    windows = [prediction_of(masks[:, t : t + 2], [[0.9, 0.3], [0.2, 0.8], [0.1, 0.1]]) for t in (0, 2)]
    postprocessor, model = build(max_per_video=4), tiny_model()
    table, segments, _ = stream(postprocessor, windows)
    results = []
    for start, found in zip((0, 2), segments, strict=True):
        frames = []
        for t in (start, start + 1):
            frame = DetDataSample(metainfo=dict(video_id='v', frame_id=t, video_length=4, ori_shape=SIZE))
            frame.gt_instances = InstanceData(
                labels=torch.tensor([0, 1]),
                instances_ids=torch.tensor([1, 2]),
                areas=torch.tensor([32.0, 24.0]),
                masks=encode_masks(np.stack([x[t] for x in truth])),
            )
            frames.append(frame)
        results += model.frame_results(frames, found)
    return results, table


def test_frames_leave_as_rles_with_quality():
    results, table = tracked_frames()
    assert table['mask_ids'].tolist() == [1, 2, 1, 2]
    assert [x.pred_track_instances.instances_id.tolist() for x in results] == [[1], [1, 2], [1, 2], [1, 2]]
    for result in results:
        rows = result.pred_track_instances
        assert isinstance(rows.masks, list) and len(rows.masks) == len(rows.quality)
        assert rows.quality.tolist() == pytest.approx([0.9] * len(rows), rel=1e-4)
        assert decode_masks(rows.masks, SIZE).sum((1, 2)).tolist() == [32, 24][: len(rows)]


def test_objects_of_overlapping_rles_are_painted_by_score():
    masks = np.zeros((3, *SIZE), bool)
    masks[0, :4], masks[1, 2:6], masks[2, :, :2] = True, True, True
    rows = InstanceData(scores=torch.tensor([0.5, 0.9, 0.1]), instances_id=torch.tensor([4, 2, 7]))
    rows.masks = encode_masks(masks)
    frame = DetDataSample(metainfo=dict(video_id='v', frame_id=0, ori_shape=SIZE))
    frame.pred_track_instances = rows
    view = FrameView(frame.to_dict(), 2)
    expected = np.zeros(SIZE, int)
    expected[:, :2], expected[:4], expected[2:6] = 7, 4, 2
    assert (view.pred_objects == expected).all()
    ids, rles = view.pred_tracks
    assert ids.tolist() == [2, 4, 7] and rles == [rows.masks[1], rows.masks[0], rows.masks[2]]


def test_video_ap_of_tracks_that_share_masks():
    results, table = tracked_frames()
    metric = VideoAPMetric()
    metric.dataset_meta = dict(classes=('a', 'b'), num_things=2)
    metric.process({}, [x.to_dict() for x in results])
    metric.process_tracks('v', table)
    assert metric.evaluate(4)['ap/AP'] == 1
    swapped = VideoAPMetric()
    swapped.dataset_meta = metric.dataset_meta
    swapped.process({}, [x.to_dict() for x in results])
    swapped.process_tracks('v', {**table, 'labels': 1 - table['labels']})
    assert swapped.evaluate(4)['ap/AP'] < 1


@pytest.mark.parametrize('window', [2, 5])
def test_in_a_model(window):
    """All masks that the table names left with some frame."""
    model = tiny_model(
        postprocessor=dict(_replace=True, type='VideoInstancePostprocessor', max_per_video=5),
        tracker=dict(_replace=True, type='QueryMatchingTracker'),
        test_cfg=dict(window=window),
    )
    (result,) = model(**batch(model, video(0, frames=5)), mode='predict')
    table = result.metainfo['tracks']
    assert 0 < len(table['ids']) <= 5
    assert set(table['mask_ids'].tolist()) <= set(range(1, 9))
    seen = {int(i) for frame in result for i in frame.pred_track_instances.instances_id}
    assert set(table['mask_ids'].tolist()) <= seen
    assert (table['scores'] > 0).all() and (table['num_frames'] <= 5).all()
