import copy
import json
import math
import pickle

import pytest

from tests.test_evaluation.tracks import make_video, recorded_tracks
from videoseg.evaluation.benchmarks.ovis_benchmark import OVISBenchmark
from videoseg.evaluation.benchmarks.youtube_vis_benchmark import YouTubeVISBenchmark
from videoseg.evaluation.formats.frame_name import FrameName
from videoseg.evaluation.formats.youtube_vis_writer import YouTubeVISWriter
from videoseg.evaluation.functional.frame_masks import FrameMasks
from videoseg.evaluation.functional.video_ap import VideoAP
from videoseg.structures.rle import encode_masks


def write(folder, gt, results):
    (folder / 'gt.json').write_text(json.dumps(gt))
    (folder / 'results.json').write_text(json.dumps(results))
    return folder / 'gt.json', folder / 'results.json'


def run(benchmark, order=None):
    statistics = benchmark.build_statistics()
    for video_id in order or benchmark.videos:
        benchmark.score_video(video_id, statistics)
    return statistics['ap'].compute()


def assert_recorded(result, expected, tolerance):
    """Every recorded number; -1 stands for no ground truth."""
    assert len(expected) >= 12
    for name, value in expected.items():
        assert result[name] == pytest.approx(math.nan if value == -1 else value, rel=0, abs=tolerance, nan_ok=True), (
            name
        )


@pytest.mark.parametrize(
    ('entry', 'prefix', 'benchmark', 'options'),
    [
        ('stats', '', YouTubeVISBenchmark, {}),
        ('ovis', '', OVISBenchmark, {}),
        ('mmdet_bbox_area', '', YouTubeVISBenchmark, {'area_source': 'box'}),
        ('quirk_gt_id_0', '', YouTubeVISBenchmark, {'gt_id_zero': 'unmatched'}),
        ('ties', 'ties_', YouTubeVISBenchmark, {}),
        ('crowd', 'crowd_', YouTubeVISBenchmark, {}),
    ],
)
def test_parity(tmp_path, entry, prefix, benchmark, options):
    content, expected, tolerance = recorded_tracks()
    gt = copy.deepcopy(content[f'{prefix}gt'])
    if entry == 'quirk_gt_id_0':
        next(x for x in gt['annotations'] if x['id'] == 8)['id'] = 0
    result = run(benchmark(*write(tmp_path, gt, content[f'{prefix}dt']), options=options))
    assert_recorded(result, expected[entry], tolerance)


def test_annotation_zero_is_valid_by_default(tmp_path):
    content, expected, tolerance = recorded_tracks()
    gt = copy.deepcopy(content['gt'])
    next(x for x in gt['annotations'] if x['id'] == 8)['id'] = 0
    result = run(YouTubeVISBenchmark(*write(tmp_path, gt, content['dt'])))
    assert_recorded(result, expected['stats'], tolerance)


def test_parity_per_category(tmp_path):
    content, expected, tolerance = recorded_tracks()
    benchmark = YouTubeVISBenchmark(*write(tmp_path, content['gt'], content['dt']))
    column = run(benchmark)['per_class']['AP']
    found = dict(zip(map(str, benchmark.truth.category_ids), column, strict=True))
    assert set(found) == set(expected['ap_per_category'])
    for category, value in expected['ap_per_category'].items():
        assert found[category] == pytest.approx(math.nan if value == -1 else value, rel=0, abs=tolerance, nan_ok=True)


def test_counted_areas_are_those_of_the_json(tmp_path):
    content, expected, tolerance = recorded_tracks()
    paths = write(tmp_path, content['gt'], content['dt'])
    assert_recorded(run(YouTubeVISBenchmark(*paths, options={'area_source': 'mask'})), expected['stats'], tolerance)


def test_the_order_of_videos_means_nothing_and_benchmarks_can_be_pickled(tmp_path):
    content, expected, tolerance = recorded_tracks()
    benchmark = pickle.loads(pickle.dumps(YouTubeVISBenchmark(*write(tmp_path, content['gt'], content['dt']))))
    assert_recorded(run(benchmark, reversed(list(benchmark.videos))), expected['stats'], tolerance)
    assert benchmark.videos == {str(x['id']): x['length'] for x in content['gt']['videos']}
    assert benchmark.classes == ('c1', 'c3', 'c7', 'c12', 'c26', 'c40')


def test_files_of_the_writer_give_the_numbers_of_the_run(tmp_path):
    """Ground truth by hand, results by the writer, against the statistics that saw the same masks."""
    videos = {'4': make_video(1), '11': make_video(2)}
    categories, statistics, writer = (5, 2, 9), VideoAP(3), YouTubeVISWriter(tmp_path, (2, 5, 9))
    gt = dict(videos=[], annotations=[], categories=[dict(id=x, name=f'name {x}') for x in categories])
    for video_id, video in videos.items():
        video.feed(statistics, video_id)
        names = [f'{video_id}/{t}.jpg' for t in range(video.num_frames)]
        gt['videos'].append(dict(id=int(video_id), height=12, width=16, length=len(names), file_names=names))
        for track, masks in zip(video.gt, video.gt_masks, strict=True):
            rles = [x if mask.any() else None for x, mask in zip(encode_masks(masks), masks, strict=True)]
            gt['annotations'].append(
                dict(
                    id=track.id + 1000 * int(video_id),
                    video_id=int(video_id),
                    category_id=sorted(categories)[track.label],
                    iscrowd=int(track.is_crowd),
                    segmentations=[x and {**x, 'counts': x['counts'].decode()} for x in rles],
                    areas=[int(mask.sum()) or None for mask in masks],
                )
            )
        for t in range(video.num_frames):
            masks = FrameMasks([x.id for x in video.pred], encode_masks(video.pred_masks[:, t]))
            writer.write_frame(video_id, FrameName(t, names[t]), masks)
        writer.finish_video(video_id, video.pred, video.num_frames)
    (tmp_path / 'gt.json').write_text(json.dumps(gt))
    paths = writer.finish(writer.records())
    expected = statistics.compute()
    for path in paths:
        result = run(YouTubeVISBenchmark(tmp_path / 'gt.json', path))
        assert {x: result[x] for x in statistics.names} == {
            x: pytest.approx(expected[x], abs=1e-12, nan_ok=True) for x in statistics.names
        }
        assert list(result['per_video']) == ['4', '11']


def test_no_results_give_zero(tmp_path):
    content, _, _ = recorded_tracks()
    result = run(OVISBenchmark(*write(tmp_path, content['gt'], [])))
    assert {result[x] for x in ('AP', 'AP50', 'AP_light', 'AP_heavy', 'AR100')} == {0}


def test_short_results_must_be_asked_for(tmp_path):
    content, _, _ = recorded_tracks()
    results = copy.deepcopy(content['dt'])
    cut = next(x for x in results if len(x['segmentations']) > 1)
    cut['segmentations'].pop()
    paths = write(tmp_path, content['gt'], results)
    with pytest.raises(ValueError, match='segmentations, the video has'):
        YouTubeVISBenchmark(*paths)
    padded = run(YouTubeVISBenchmark(*paths, options={'allow_short': True}))
    cut['segmentations'].append(None)
    assert padded['AP'] == run(YouTubeVISBenchmark(*write(tmp_path, content['gt'], results)))['AP']


def test_ovis_needs_occlusion_levels(tmp_path):
    content, _, _ = recorded_tracks()
    benchmark = OVISBenchmark(*write(tmp_path, content['ties_gt'], content['ties_dt']))
    with pytest.raises(ValueError, match='video 1, annotation 1: has no list occlusion of 2 entries'):
        run(benchmark)


@pytest.mark.parametrize(
    'arguments', [{'metrics': ['vpq']}, {'options': {'area_source': 'png'}}, {'options': {'occlusion': 'ovis'}}]
)
def test_wrong_arguments(tmp_path, arguments):
    content, _, _ = recorded_tracks()
    with pytest.raises(ValueError, match=r'vpq|area_source|occlusion'):
        YouTubeVISBenchmark(*write(tmp_path, content['ties_gt'], []), **arguments)


def test_a_lying_mask_is_named(tmp_path):
    content, _, _ = recorded_tracks()
    results = copy.deepcopy(content['ties_dt'])
    results[1]['segmentations'][0]['size'] = [12, 4]
    benchmark = YouTubeVISBenchmark(*write(tmp_path, content['ties_gt'], results))
    with pytest.raises(ValueError, match=r'video 1, frame 0 \(a\), result 1: RLE says size \[12, 4\]'):
        run(benchmark)
