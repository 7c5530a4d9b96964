import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_evaluation.tracks import (
    NUM_CLASSES,
    SIZE,
    TrackVideo,
    frame_masks,
    make_video,
    perfect,
    score,
    single,
    slow_ap,
    stripes,
)
from videoseg.evaluation.functional.frame_masks import FrameMasks, GTTrack, PredTrack
from videoseg.evaluation.functional.video_ap import VideoAP
from videoseg.structures.rle import encode_masks

fast = settings(derandomize=True, deadline=None, max_examples=20)
seeds = st.integers(0, 10**6)


def numbers(result, statistics=None):
    """The numbers alone, NaN as None so that they compare."""
    names = (statistics or VideoAP(NUM_CLASSES, 'ovis')).names
    return {x: None if math.isnan(result[x]) else result[x] for x in names if x in result}


@settings(derandomize=True, deadline=None, max_examples=8)
@given(seeds)
def test_equals_plain_loops(seed):
    videos = {str(i): make_video(seed + i) for i in range(3)}
    areas = (0, 30), (30, 50)
    result = score(videos, occlusion='ovis', area_source='mask')
    ap, ar = slow_ap(videos.values())
    assert result['AP'] == pytest.approx(ap, abs=1e-12, nan_ok=True)
    assert result['AR100'] == pytest.approx(ar, abs=1e-12, nan_ok=True)
    for limit in (1, 10):
        expected = slow_ap(videos.values(), max_detections=limit)[1]
        assert result[f'AR{limit}'] == pytest.approx(expected, abs=1e-12, nan_ok=True)
    for name, limits in (('light', (0, 0.25)), ('medium', (0.25, 0.5)), ('heavy', (0.5, 1))):
        expected = slow_ap(videos.values(), occlusion_range=limits)
        found = result[f'AP_{name}'], result[f'AR_{name}']
        assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)
    for name, limits in zip('sm', areas, strict=True):
        assert_area_range(videos, name, limits)


def assert_area_range(videos, name, limits):
    """Areas scaled up so that the official limits fall where the small masks have theirs."""
    statistics = VideoAP(NUM_CLASSES, area_source='mask')
    statistics.ranges = tuple(type(x)(x.name, limits) if x.name == name else x for x in statistics.ranges)
    for video_id, video in videos.items():
        video.feed(statistics, video_id)
    result, expected = statistics.compute(), slow_ap(videos.values(), area_range=limits)
    assert (result[f'AP{name}'], result[f'AR{name}']) == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_area_limits():
    """128 and 256 squared pixels, inclusive on both sides."""

    def present(area):
        result = score({'1': single([(4, dict(area=area))], [(4, 0.5)])})
        return [x for x in 'sml' if not math.isnan(result[f'AP{x}'])]

    areas = [0, 128**2 - 1, 128**2, 128**2 + 1, 256**2 - 1, 256**2, 256**2 + 1]
    assert [''.join(present(x)) for x in areas] == ['s', 's', 'sm', 'm', 'm', 'ml', 'l']


def test_unmatched_prediction_of_another_size_is_ignored():
    """A small wrong prediction (4 x 12 pixels) lowers AP, not AP of large tracks."""
    result = score({'1': single([(16, dict(area=300**2))], [(4, 0.9), (16, 0.5)])})
    assert result['AP'] == pytest.approx(0.5)
    assert result['APl'] == pytest.approx(1)


@pytest.mark.parametrize(('columns', 'hits'), [(16, 10), (12, 6), (8, 1), (7, 0)])
def test_iou_thresholds_are_inclusive(columns, hits):
    """IoU 1, 0.75 and 0.5 reach the thresholds up to themselves."""
    result = score({'1': single([(16, {})], [(columns, 0.5)])})
    assert result['AP'] == pytest.approx(hits / 10)
    assert result['AP50'] == pytest.approx(float(hits >= 1))
    assert result['AP75'] == pytest.approx(float(hits >= 6))
    assert result['AR1'] == result['AR10'] == result['AR100'] == pytest.approx(hits / 10)


def test_iou_is_that_of_the_whole_track():
    """Frames of IoU 1, 0.25, prediction only, neither, truth only: (8 + 2) / (8 + 8 + 4 + 0 + 4) = 10 / 24."""
    video = single([((8, 8, 0, 0, 4), {})], [((8, 2, 4, 0, 0), 0.5)])
    (tracks,) = video.feed(VideoAP(1), 'a').videos['a'].classes.values()
    assert tracks.ious.tolist() == [[10 / 24]]
    assert tracks.gt_areas.tolist() == [12 * 20 / 3] and tracks.pred_areas.tolist() == [12 * 14 / 3]


def test_a_prediction_that_ends_early_loses_the_frames_it_lacks():
    video = single([((8, 8, 8, 8), {})], [((8, 8, 0, 0), 0.5)])
    assert score({'1': video})['AP'] == pytest.approx(0.1)  # IoU 0.5


def test_precision_at_recall_points():
    """Hit, miss, hit of two tracks: precision 1 up to recall 0.5 (51 points), then 2/3."""
    gt = [(16, {}), (4, {})]
    result = score({'1': single(gt, [(16, 0.9), (10, 0.8), (4, 0.7)])})
    assert result['AP50'] == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert (result['AR1'], result['AR10']) == (0.5, 1)


def test_recall_counts_the_best_predictions_of_each_class_and_video():
    video = single([(16, {}), (2, {})], [(6, 0.9 - i / 100) for i in range(10)] + [(16, 0.5), (2, 0.4)])
    result = score({'1': video})
    assert (result['AR1'], result['AR10'], result['AR100']) == (0, 0, 1)


def test_only_100_predictions_of_a_class_count():
    video = single([(16, {})], [(4, 0.9 - i / 1000) for i in range(100)] + [(16, 0.1)])
    assert score({'1': video})['AR100'] == 0
    assert score({'1': single([(16, {})], [(4, 0.9 - i / 1000) for i in range(99)] + [(16, 0.1)])})['AR100'] == 1


def test_crowd_excuses_any_number_of_predictions():
    """Two predictions on the crowd are neither hits nor misses; the one on nothing is a miss."""
    gt = [((16, 0, 0), {}), ((0, 16, 0), dict(is_crowd=True))]
    alone = score({'1': single(gt, [((16, 0, 0), 0.5)])})
    excused = score({'1': single(gt, [((0, 16, 0), 0.9), ((0, 15, 0), 0.8), ((16, 0, 0), 0.5)])})
    wrong = score({'1': single(gt, [((0, 16, 0), 0.9), ((0, 0, 16), 0.8), ((16, 0, 0), 0.5)])})
    assert alone['AP50'] == excused['AP50'] == pytest.approx(1)
    assert wrong['AP50'] == pytest.approx(0.5)


def test_crowd_has_no_special_iou():
    """A prediction of half the crowd is no match: there is no intersection over detection as in COCO."""
    result = score({'1': single([(16, dict(is_crowd=True)), (1, {})], [(7, 0.9), (1, 0.5)])})
    assert result['AP50'] == pytest.approx(0.5)


def test_a_class_without_ground_truth_costs_nothing():
    video = perfect(make_video(1))
    more = TrackVideo(
        [x for x in video.gt if x.label != 2],
        video.gt_masks[[x.label != 2 for x in video.gt]],
        [*video.pred, PredTrack(900, 2, 0.99)],
        np.concatenate([video.pred_masks, video.gt_masks[:1]]),
    )
    result = score({'1': more})
    assert result['AP'] == pytest.approx(1)
    assert math.isnan(result['per_class']['AP'][2]) and result['per_class']['num_gt'][2] == 0


def test_rows_may_share_masks():
    """One mask under two classes: right for one, a miss for the other."""
    statistics = VideoAP(2)
    statistics.update('a', 0, frame_masks([1, 2], stripes(16, 4)[:, 0]), frame_masks([7], stripes(16)[:, 0]))
    pred = [PredTrack(0, 0, 0.9, mask_id=7), PredTrack(1, 1, 0.8, mask_id=7)]
    statistics.finish_video('a', [GTTrack(1, 0), GTTrack(2, 1)], pred, 1)
    assert statistics.compute()['per_class']['AP'].tolist() == pytest.approx([1, 0])


def test_masks_that_no_track_names_are_not_scored():
    statistics = VideoAP(1)
    statistics.update('a', 0, frame_masks([1], stripes(16)[:, 0]), frame_masks([7, 8], stripes(16, 4)[:, 0]))
    statistics.finish_video('a', [GTTrack(1, 0)], [PredTrack(7, 0, 0.5)], 1)
    assert statistics.compute()['AP'] == pytest.approx(1)


def test_masks_of_a_frame_may_overlap_and_be_many():
    masks = stripes(*[1 + i % 16 for i in range(300)])[:, 0]
    statistics = VideoAP(1)
    statistics.update('a', 0, FrameMasks(range(300), encode_masks(masks)), FrameMasks(range(300), encode_masks(masks)))
    statistics.finish_video(
        'a', [GTTrack(i, 0) for i in range(300)], [PredTrack(i, 0, 1 - i / 1000) for i in range(300)], 1
    )
    assert statistics.compute()['AR100'] == pytest.approx(100 / 300)


@pytest.mark.parametrize('options', [{}, {'occlusion': 'ovis'}])
def test_no_predictions_give_zero(options):
    video = make_video(3)
    empty = TrackVideo(video.gt, video.gt_masks, [], video.pred_masks[:0])
    result = score({'1': empty}, **options)
    assert {result[x] for x in ('AP', 'AP50', 'AP75', 'AR1', 'AR10', 'AR100')} == {0}


def test_no_ground_truth_gives_nan():
    result = score({'1': single([], [(4, 0.5)])})
    assert all(math.isnan(result[x]) for x in VideoAP(1).names)
    assert result['num_frames'] == 1
    assert all(math.isnan(VideoAP(1).compute()[x]) for x in VideoAP(1).names)


@pytest.mark.parametrize('occlusion', [None, 0.3])
def test_a_track_that_is_never_visible_is_missed(occlusion):
    statistics = VideoAP(1, 'ovis')
    statistics.update('a', 0, frame_masks([1], stripes(16)[:, 0]), frame_masks([1], stripes(16)[:, 0]))
    statistics.finish_video(
        'a', [GTTrack(1, 0, occlusion=0.3), GTTrack(2, 0, occlusion=occlusion)], [PredTrack(1, 0, 1)], 1
    )
    result = statistics.compute()
    assert result['AR100'] == pytest.approx(0.5)
    assert result['AR_medium'] == pytest.approx(1 if occlusion is None else 0.5)


def test_a_prediction_that_is_never_visible_is_a_miss():
    result = score({'1': single([(16, {})], [(0, 0.9), (16, 0.5)])})
    assert result['AP'] == pytest.approx(0.5)


def test_occlusion_bins_share_their_limits_and_do_not_filter_predictions():
    gt = [(16, dict(occlusion=0.25)), (2, dict(occlusion=0.5))]
    result = score({'1': single(gt, [(6, 0.9), (16, 0.8), (2, 0.7)])}, occlusion='ovis')
    # light: a miss (nothing has it), a hit. medium: miss, hit, hit; recall 0.5 at 1/2, 1 at 2/3. heavy: miss, hit.
    assert result['AP'] == pytest.approx(2 / 3)
    assert [result[f'AR_{x}'] for x in ('light', 'medium', 'heavy')] == [1, 1, 1]
    assert [result[f'AP_{x}'] for x in ('light', 'medium', 'heavy')] == pytest.approx([0.5, 2 / 3, 0.5])


def test_annotation_zero():
    video = TrackVideo(
        [GTTrack(0, 0), GTTrack(5, 0)], stripes(16, 4), [PredTrack(1, 0, 0.9), PredTrack(2, 0, 0.5)], stripes(16, 4)
    )
    valid, quirk = (score({'1': video}, gt_id_zero=x) for x in ('valid', 'unmatched'))
    assert valid['AP'] == pytest.approx(1)
    assert quirk['AR100'] == pytest.approx(0.5) and quirk['AP'] == pytest.approx(51 / 101 / 2)


@pytest.mark.parametrize(('source', 'expected'), [('json', 'l'), ('box', 'l'), ('mask', 's')])
def test_area_source(source, expected):
    result = score({'1': single([(16, dict(area=300**2))], [(16, 0.5)])}, area_source=source)
    assert [x for x in 'sml' if not math.isnan(result[f'AP{x}'])] == [expected]
    assert result['protocol']['area_source'] == source


def test_equal_scores_are_ranked_by_video_number():
    """The wrong prediction of video 10 comes after the right one of video 2, and before that of video b."""
    right, wrong = single([(16, {})], [(16, 0.5)]), single([], [(4, 0.5)])
    assert score({'10': wrong, '2': right})['AP'] == pytest.approx(1)
    assert score({'10': right, '2': wrong})['AP'] == pytest.approx(0.5)
    assert score({'b': right, '10': wrong})['AP'] == pytest.approx(0.5)
    assert score({'b': right, 'a': wrong})['AP'] == pytest.approx(0.5)
    assert score({'a': right, 'b': wrong})['AP'] == pytest.approx(1)


def test_equal_scores_in_a_video_keep_their_order():
    first, second = single([(16, {})], [(16, 0.5), (4, 0.5)]), single([(16, {})], [(4, 0.5), (16, 0.5)])
    assert score({'1': first})['AP'] == pytest.approx(1)
    assert score({'1': second})['AP'] == pytest.approx(0.5)


def test_of_equal_ious_the_later_track_is_taken():
    """Both predictions reach either track at 0.5; the first takes the later one, to which the second fits better."""
    masks = np.zeros((2, 1, *SIZE), bool)
    masks[0, 0, :, :8], masks[1, 0, :, 4:12] = True, True
    pred = np.zeros((2, 1, *SIZE), bool)
    pred[0, 0, :, 2:10], pred[1, 0, :, 4:12] = True, True
    video = TrackVideo([GTTrack(1, 0), GTTrack(2, 0)], masks, [PredTrack(1, 0, 0.9), PredTrack(2, 0, 0.5)], pred)
    result = score({'1': video})
    assert result['per_class']['num_gt'][0] == 2
    assert result['AP50'] == pytest.approx(51 / 101)  # the second prediction finds its track taken
    assert result['AP75'] == pytest.approx(51 / 101 / 2)


def test_per_video_results_are_those_of_the_video_alone():
    videos = {str(i): make_video(20 + i) for i in range(3)}
    result = score(videos, occlusion='ovis')
    for video_id, video in videos.items():
        alone = score({video_id: video}, occlusion='ovis')
        row = dict(result['per_video'][video_id])
        assert row.pop('num_frames') == 4
        assert numbers(row) == numbers(alone)


def test_per_class_results():
    videos = {str(i): make_video(30 + i) for i in range(3)}
    result = score(videos)
    table = result['per_class']
    assert all(table[x].shape == (NUM_CLASSES,) for x in (*VideoAP(1).names, 'num_gt'))
    assert table['num_gt'].sum() == sum(not x.is_crowd for v in videos.values() for x in v.gt)
    assert result['AP'] == pytest.approx(np.nanmean(table['AP']))


@fast
@given(seeds)
def test_perfect_predictions_score_one(seed):
    result = score({'1': perfect(make_video(seed))}, area_source='mask')
    assert [result[x] for x in ('AP', 'AP50', 'AP75', 'APs', 'AR10', 'AR100')] == pytest.approx([1] * 6)


@fast
@given(seeds, st.randoms(use_true_random=False))
def test_track_ids_mean_nothing(seed, random):
    video = make_video(seed)
    gt_ids, pred_ids = random.sample(range(1, 1000), len(video.gt)), random.sample(range(1, 1000), len(video.pred))
    other = TrackVideo(
        [GTTrack(i, x.label, x.is_crowd, x.area, x.occlusion) for i, x in zip(gt_ids, video.gt, strict=True)],
        video.gt_masks,
        [PredTrack(i, x.label, x.score) for i, x in zip(pred_ids, video.pred, strict=True)],
        video.pred_masks,
    )
    assert numbers(score({'1': other}, occlusion='ovis')) == numbers(score({'1': video}, occlusion='ovis'))


@fast
@given(seeds, st.permutations(range(8)))
def test_the_order_of_predictions_with_distinct_scores_means_nothing(seed, order):
    video = make_video(seed)
    other = TrackVideo(video.gt, video.gt_masks, [video.pred[i] for i in order], video.pred_masks[list(order)])
    assert numbers(score({'1': other})) == numbers(score({'1': video}))


@fast
@given(seeds, st.booleans())
def test_an_empty_frame_changes_nothing(seed, visible_only):
    video = make_video(seed)
    longer = TrackVideo(
        video.gt,
        np.insert(video.gt_masks, 2, False, axis=1),
        video.pred,
        np.insert(video.pred_masks, 2, False, axis=1),
    )
    statistics = longer.feed(VideoAP(NUM_CLASSES), '1', visible_only=visible_only)
    assert numbers(statistics.compute()) == numbers(score({'1': video}))


@fast
@given(seeds, st.permutations(range(4)))
def test_frames_may_come_in_any_order(seed, order):
    video = make_video(seed)
    assert numbers(video.feed(VideoAP(NUM_CLASSES), '1', frames=order).compute()) == numbers(score({'1': video}))


def test_shards_in_any_order_equal_one_run():
    videos = {str(i): make_video(40 + i) for i in range(4)}
    for video in videos.values():  # equal scores everywhere, so that the order would show
        video.pred = [PredTrack(x.id, x.label, round(x.score, 1)) for x in video.pred]
    whole = score(videos, occlusion='ovis')
    for order in itertools.permutations(range(3)):
        shards = [VideoAP(NUM_CLASSES, 'ovis') for _ in range(3)]
        for shard, names in zip(shards, (('0', '3'), ('1',), ('2', '0')), strict=True):
            for name in names:
                videos[name].feed(shard, name)
        merged = VideoAP(NUM_CLASSES, 'ovis')
        for index in order:
            merged.merge(pickle.loads(pickle.dumps(shards[index])))
        result = merged.compute()
        assert numbers(result) == numbers(whole)
        assert list(result['per_video']) == list(whole['per_video'])


def test_repeated_frames_and_videos_count_once():
    video = make_video(50)
    statistics = video.feed(VideoAP(NUM_CLASSES), '1')
    again = numbers(video.feed(statistics, '1').compute())
    assert again == numbers(score({'1': video}))
    statistics = VideoAP(NUM_CLASSES)
    masks = frame_masks([1], stripes(16)[:, 0])
    assert statistics.update('2', 0, masks, masks) and not statistics.update('2', 0, masks, masks)


def test_memory_does_not_grow_with_frames():
    sizes = []
    for num_frames in (5, 50):
        video = make_video(60, num_frames=num_frames)
        statistics = VideoAP(NUM_CLASSES)
        for t in range(num_frames):
            gt = frame_masks([x.id for x in video.gt], video.gt_masks[:, t])
            statistics.update('1', t, gt, frame_masks([x.id for x in video.pred], video.pred_masks[:, t]))
        running = len(pickle.dumps(statistics))
        statistics.finish_video('1', video.gt, video.pred, num_frames)
        sizes.append((running, len(pickle.dumps(statistics))))
    assert abs(sizes[1][0] - sizes[0][0]) < 50 and abs(sizes[1][1] - sizes[0][1]) < 50
