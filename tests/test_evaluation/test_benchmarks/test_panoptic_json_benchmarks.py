"""VIPSeg, Cityscapes-VPS and COCO panoptic, from files, against the recorded numbers of the official scripts."""

import copy
import json
import pickle

import pytest

from tests.test_evaluation.clips import NUM_CLASSES, THINGS, feed, recorded, recorded_segments
from tests.test_evaluation.layouts import (
    CATEGORIES,
    clip_segments,
    clips,
    recorded_clip_segments,
    recorded_main,
    write_cityscapes_vps,
    write_coco_panoptic,
    write_jsons,
    write_vipseg,
)
from videoseg.evaluation.benchmarks.cityscapes_vps_benchmark import CityscapesVPSBenchmark
from videoseg.evaluation.benchmarks.coco_panoptic_benchmark import CocoPanopticBenchmark
from videoseg.evaluation.benchmarks.evaluate import evaluate
from videoseg.evaluation.benchmarks.vipseg_benchmark import VIPSegBenchmark
from videoseg.evaluation.functional import STQ, VPQ

GROUPS = (('VPQ', 'all'), ('VPQ_thing', 'things'), ('VPQ_stuff', 'stuff'))


def named(categories):
    return [{'name': str(x['id']), **x} for x in categories]


def run(kind, root, *args, **kwargs):
    return evaluate(kind(root / 'gt.json', root / 'pred.json', *args, **kwargs))


def test_parity_vipseg_from_files(tmp_path):
    _, expected, params, tolerance = recorded('vipseg')
    write_vipseg(tmp_path, recorded_clip_segments('vipseg', recorded_main('vipseg')), named(params['categories']))
    result = run(VIPSegBenchmark, tmp_path)
    theirs = expected['vpq']['mean_1_2_4_6']
    for ours, name in GROUPS:
        assert result['metrics'][f'vpq/{ours}'] == pytest.approx(theirs[name], abs=tolerance)
    for size in (1, 2, 4, 6):
        theirs = expected['vpq'][f'k{size}']['all']['pq']
        assert result['metrics'][f'vpq/VPQ_{size}'] == pytest.approx(theirs, abs=tolerance)
    for options, name in (
        ({}, 'instance_ids_from_1'),
        ({'void_pixels': 'drop'}, 'instance_ids_from_1_void_pixels_removed'),
        ({'instance_base': '0'}, 'official_script'),
    ):
        result = run(VIPSegBenchmark, tmp_path, ['stq'], options=options)
        theirs = expected['stq'][name]
        assert [result['metrics'][f'stq/{x}'] for x in ('STQ', 'AQ', 'SQ')] == pytest.approx(
            [theirs[x] for x in ('STQ', 'AQ', 'IoU')], abs=tolerance
        )


@pytest.mark.parametrize('videos', ['main', 'two_crowds_of_one_class'])
def test_parity_cityscapes_vps_from_files(tmp_path, videos):
    _, expected, params, tolerance = recorded('cityvps')
    segments = {name: recorded_segments('cityvps')[name] for name in params['videos'][videos]}
    length = len(next(iter(segments.values()))['gt'])
    write_cityscapes_vps(tmp_path, recorded_clip_segments('cityvps', segments), named(params['categories']))
    options = {'last_crowd_only': True, 'frames_per_video': length}
    result = run(CityscapesVPSBenchmark, tmp_path, options=options)['metrics']
    theirs = expected[videos]['mean_1_2_3_4']
    assert [result[f'vpq/{ours}'] for ours, _ in GROUPS] == pytest.approx(
        [theirs[name] for _, name in GROUPS], abs=tolerance
    )
    assert [result[f'vpq/VPQ_{k}'] for k in (1, 2, 3, 4)] == pytest.approx(
        [expected[videos][f'k{k}']['all']['pq'] for k in (1, 2, 3, 4)], abs=tolerance
    )


def test_parity_image_pq_from_files(tmp_path):
    arrays, expected, params, tolerance = recorded('pq_image')
    images = {
        name: tuple((arrays[f'{kind}_{name}'][None], [infos[kind]]) for kind in ('gt', 'pred'))
        for name, infos in recorded_main('pq_image').items()
        if f'gt_{name}' in arrays and name.isdigit()
    }
    write_coco_panoptic(tmp_path, images, params['categories'])
    result = run(CocoPanopticBenchmark, tmp_path)['metrics']
    theirs = [expected['all'][x] for x in ('pq', 'sq', 'rq')] + [expected[x]['pq'] for x in ('things', 'stuff')]
    assert [result[f'pq/{x}'] for x in ('PQ', 'SQ', 'RQ', 'PQ_thing', 'PQ_stuff')] == pytest.approx(
        theirs, abs=tolerance
    )


def test_crowd_is_the_same_in_jsons_and_in_panoptic_ids(tmp_path):
    """All three layouts of one clip give the numbers of its panoptic ids: crowd, void and all."""
    statistics = {'stq': STQ(NUM_CLASSES, THINGS), 'vpq': VPQ(NUM_CLASSES, THINGS)}
    for metric in statistics.values():
        for name, (gt, pred) in clips().items():
            feed(metric, name, gt, pred)
    expected = {f'{x}/{name}': m.compute()[name] for x, m in statistics.items() for name in m.names}
    write_vipseg(tmp_path / 'vipseg', clip_segments())
    assert run(VIPSegBenchmark, tmp_path / 'vipseg')['metrics'] == pytest.approx(expected, abs=1e-12)
    write_cityscapes_vps(tmp_path / 'city', clip_segments())
    result = run(CityscapesVPSBenchmark, tmp_path / 'city', ['stq', 'vpq'], [1, 2, 4, 6])
    assert result['metrics'] == pytest.approx(expected, abs=1e-12)
    write_coco_panoptic(tmp_path / 'coco', clip_segments())
    result = run(CocoPanopticBenchmark, tmp_path / 'coco')['metrics']
    assert result['pq/PQ'] == pytest.approx(expected['vpq/VPQ_1'], abs=1e-12)


def test_semantic_metrics(tmp_path):
    videos = {name: (pair[0], copy.deepcopy(pair[0])) for name, pair in clip_segments(12).items()}
    content = write_vipseg(tmp_path, videos)
    result = run(VIPSegBenchmark, tmp_path, ['vss', 'vc'], [8])['metrics']
    assert result['vss/mIoU'] == result['vc/VC8'] == 1
    # The same segments under another class: nothing is right any more, yet where the prediction stays, it stays.
    for entry in content['pred']['annotations'][0]['annotations'] + content['pred']['annotations'][1]['annotations']:
        for segment in entry['segments_info']:
            segment['category_id'] = {10: 30, 30: 20, 20: 40, 40: 10}[segment['category_id']]
    write_jsons(tmp_path, content)
    result = run(VIPSegBenchmark, tmp_path, ['vss', 'vc'], [8])['metrics']
    assert result['vss/mIoU'] == 0 and result['vc/VC8'] == 1


def test_areas_of_the_json_or_counted(tmp_path):
    content = write_vipseg(tmp_path, clip_segments())
    expected = run(VIPSegBenchmark, tmp_path, ['vpq'])['metrics']
    for video in content['gt']['annotations']:
        for entry in video['annotations']:
            for segment in entry['segments_info']:
                segment['area'] *= 4  # of another resolution
    write_jsons(tmp_path, content)
    assert run(VIPSegBenchmark, tmp_path, ['vpq'], options={'gt_areas': 'counted'})['metrics'] == expected
    assert run(VIPSegBenchmark, tmp_path, ['vpq'])['metrics']['vpq/VPQ'] < 0.5 * expected['vpq/VPQ']
    with pytest.raises(ValueError, match="gt_areas is 'guessed'"):
        run(VIPSegBenchmark, tmp_path, options={'gt_areas': 'guessed'})


def test_order_of_the_prediction_does_not_matter(tmp_path):
    content = write_vipseg(tmp_path, clip_segments())
    expected = run(VIPSegBenchmark, tmp_path)
    content['pred']['annotations'].reverse()
    for video in content['pred']['annotations']:
        video['annotations'].reverse()
    write_jsons(tmp_path, content)
    assert run(VIPSegBenchmark, tmp_path) == expected


def test_classes_from_a_file(tmp_path):
    content = write_vipseg(tmp_path, clip_segments())
    expected = run(VIPSegBenchmark, tmp_path)
    assert list(expected['per_class']) == ['dog', 'cat', 'road', 'sky']
    del content['gt']['categories']
    write_jsons(tmp_path, content)
    with pytest.raises(ValueError, match='gt.json: is no json with categories; name a table of classes'):
        run(VIPSegBenchmark, tmp_path)
    (tmp_path / 'classes.json').write_text(json.dumps(CATEGORIES))
    assert run(VIPSegBenchmark, tmp_path, classes=tmp_path / 'classes.json') == expected


def test_lists_must_agree(tmp_path):
    content = write_vipseg(tmp_path, clip_segments(3))

    def refused(message, edit):
        changed = copy.deepcopy(content)
        edit(changed['pred']['annotations'])
        write_jsons(tmp_path, changed)
        with pytest.raises(ValueError, match=message):
            run(VIPSegBenchmark, tmp_path)

    refused("pred.json: video 'b' is missing in the prediction", lambda x: x.pop())
    refused("pred.json: video 'a' is missing in the prediction", lambda x: x.clear())
    refused(
        "panomasks|pan_pred/a: video 'a', frame '00000001.png' is not in .*pred.json",
        lambda x: x[0]['annotations'].pop(1),
    )
    (tmp_path / 'pan_pred' / 'a' / '00000001.png').unlink()
    refused("pred.json: video 'a', frame '00000001' is missing in the prediction", lambda x: x[0]['annotations'].pop(1))


def test_windows_beyond_the_videos_have_no_number(tmp_path):
    write_vipseg(tmp_path, clip_segments(3))
    result = run(VIPSegBenchmark, tmp_path, ['vpq'], [1, 6])
    assert result['metrics']['vpq/VPQ_6'] is None
    assert result['metrics']['vpq/VPQ'] == result['metrics']['vpq/VPQ_1'] > 0
    json.dumps(result, allow_nan=False)


def test_benchmarks_can_be_pickled(tmp_path):
    write_vipseg(tmp_path, clip_segments(3))
    benchmark = VIPSegBenchmark(tmp_path / 'gt.json', tmp_path / 'pred.json', ['vc', 'stq'], [2])
    expected = evaluate(benchmark)
    data = pickle.dumps(benchmark)
    assert len(data) < 1 << 20  # the table of labels stays behind
    assert evaluate(pickle.loads(data)) == expected
