import json

import numpy as np
import pytest

from tests.test_evaluation.clips import NUM_CLASSES, THINGS, feed, recorded
from tests.test_evaluation.layouts import clips, save_step, write_kitti_step
from videoseg.evaluation.benchmarks.evaluate import evaluate
from videoseg.evaluation.benchmarks.kitti_step_benchmark import KittiStepBenchmark
from videoseg.evaluation.formats import ClassTable
from videoseg.evaluation.functional import PQ, STQ, VPQ
from videoseg.structures.ids import DIVISOR, VOID_ID, VOID_LABEL

RAW_IDS = (11, 13, 0, 1)


@pytest.fixture
def classes(tmp_path):
    path = tmp_path / 'classes.json'
    path.write_text(
        json.dumps([{'id': raw, 'name': f'class {raw}', 'isthing': int(raw > 10)} for raw in sorted(RAW_IDS)])
    )
    # In the order of the file things are 11, 13, as in RAW_IDS.
    return path


def direct(statistics, videos=None):
    for name, (gt, pred) in (videos or clips()).items():
        feed(statistics, name, gt, pred)
    return statistics.compute()


def numbers(result, prefix, names):
    return {f'{prefix}/{name}': result[name] for name in names}


def test_same_numbers_as_the_functional_core(tmp_path, classes):
    write_kitti_step(tmp_path, clips())
    benchmark = KittiStepBenchmark(tmp_path / 'gt', tmp_path / 'pred', ['stq', 'vpq', 'pq'], classes=classes)
    result = evaluate(benchmark)
    for statistics in (STQ(NUM_CLASSES, THINGS), VPQ(NUM_CLASSES, THINGS), PQ(NUM_CLASSES, THINGS)):
        expected, prefix = direct(statistics), statistics.prefix
        assert {k: v for k, v in result['metrics'].items() if k.startswith(f'{prefix}/')} == numbers(
            expected, prefix, statistics.names
        )
        for video, row in expected['per_video'].items():
            assert numbers(row, prefix, statistics.names).items() <= result['per_video'][video].items()
        assert result['protocol']['metrics'][prefix] == json.loads(json.dumps(expected['protocol']))
    iou = direct(STQ(NUM_CLASSES, THINGS))['per_class']['IoU']
    assert [row['stq/IoU'] for row in result['per_class'].values()] == iou.tolist()
    assert list(result['per_class']) == [f'class {raw}' for raw in RAW_IDS]


def test_classes_may_be_a_table(tmp_path, classes):
    write_kitti_step(tmp_path, clips())
    args = tmp_path / 'gt', tmp_path / 'pred', ['stq']
    given = KittiStepBenchmark(*args, options={'void_raw_id': 200}, classes=ClassTable.from_file(classes))
    assert (given.step.raw_ids, given.step.void_raw_id) == (RAW_IDS, 200)
    named, given = (KittiStepBenchmark(*args, classes=x) for x in (classes, ClassTable.from_file(classes)))
    assert evaluate(given)['metrics'] == evaluate(named)['metrics']


def test_options_reach_the_metrics(tmp_path, classes):
    videos = {name: (gt, np.where(gt == VOID_ID, DIVISOR + 1, pred)) for name, (gt, pred) in clips().items()}
    write_kitti_step(tmp_path, videos)
    options = {'void_pixels': 'drop', 'rules': 'label_divisor', 'class_average': 'all'}
    benchmark = KittiStepBenchmark(tmp_path / 'gt', tmp_path / 'pred', windows=[1, 3], options=options, classes=classes)
    result = evaluate(benchmark)['metrics']
    expected, kept = (direct(STQ(NUM_CLASSES, THINGS, void_pixels=x), videos) for x in ('drop', 'keep'))
    assert result['stq/STQ'] == expected['STQ'] > kept['STQ']
    expected, other = (direct(VPQ(NUM_CLASSES, THINGS, (1, 3), x, 'all'), videos) for x in ('label_divisor', 'json'))
    assert [result['vpq/VPQ'], result['vpq/VPQ_3']] == [expected['VPQ'], expected['VPQ_3']]
    assert expected['VPQ'] < other['VPQ']  # crowd is an ordinary segment


def test_parity_stq_from_files(tmp_path):
    arrays, expected, params, tolerance = recorded('step_stq')
    for video in params['sequences']:
        for kind in ('gt', 'pred'):
            for t, frame in enumerate(arrays[f'{kind}_{video}']):
                save_step(tmp_path / kind / video / f'{t:06d}.png', frame, range(19))
    result = evaluate(KittiStepBenchmark(tmp_path / 'gt', tmp_path / 'pred', ['stq']))
    theirs = expected['deeplab2']
    assert [result['metrics'][f'stq/{x}'] for x in ('STQ', 'AQ', 'SQ')] == pytest.approx(
        [theirs[x] for x in ('STQ', 'AQ', 'IoU')], rel=0, abs=tolerance
    )
    assert [x['stq/STQ'] for x in result['per_video'].values()] == pytest.approx(theirs['STQ_per_seq'], abs=tolerance)


def test_void_of_any_instance_is_one_void(tmp_path, classes):
    write_kitti_step(tmp_path, clips())
    args = tmp_path / 'gt', tmp_path / 'pred'
    before = evaluate(KittiStepBenchmark(*args, classes=classes))
    for t, frame in enumerate(clips()['a'][0]):
        numbered = np.where(frame // DIVISOR == VOID_LABEL, frame + np.arange(32) % 5, frame)
        save_step(tmp_path / 'gt' / 'a' / f'{t:06d}.png', numbered, RAW_IDS)
    assert evaluate(KittiStepBenchmark(*args, classes=classes)) == before


def test_semantic_metrics(tmp_path, classes):
    write_kitti_step(tmp_path, {'a': (clips(12)['a'][0],) * 2})
    args = tmp_path / 'gt', tmp_path / 'pred'
    result = evaluate(KittiStepBenchmark(*args, ['vss', 'vc'], windows=[8], classes=classes))['metrics']
    assert result['vss/mIoU'] == 1 and result['vc/VC8'] == 1


def test_lists_must_agree(tmp_path, classes):
    write_kitti_step(tmp_path, clips(3))
    args = tmp_path / 'gt', tmp_path / 'pred'
    (tmp_path / 'pred' / 'b' / '000001.png').rename(tmp_path / 'x.png')
    with pytest.raises(ValueError, match="pred: video 'b', frame '000001' is missing in the prediction"):
        KittiStepBenchmark(*args)
    (tmp_path / 'x.png').rename(tmp_path / 'pred' / 'b' / '000003.png')
    with pytest.raises(ValueError, match="video 'b', frame '000001' is missing"):
        KittiStepBenchmark(*args)
    (tmp_path / 'gt' / 'b' / '000001.png').unlink()
    with pytest.raises(ValueError, match="video 'b', frame '000003' of the prediction is not in the ground truth"):
        KittiStepBenchmark(*args)
    (tmp_path / 'pred' / 'a').rename(tmp_path / 'pred' / 'c')
    with pytest.raises(ValueError, match="pred: video 'a' is missing in the prediction"):
        KittiStepBenchmark(*args)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match="empty: video 'a' is missing in the prediction"):
        KittiStepBenchmark(args[0], tmp_path / 'empty')
    with pytest.raises(FileNotFoundError, match='empty: no <sequence>/<frame>.png there'):
        KittiStepBenchmark(tmp_path / 'empty', args[1])


def test_frames_without_leading_zeros_are_in_order(tmp_path, classes):
    videos = {name: clip for name, clip in clips(12).items()}
    numbers = []
    for digits in (6, 0):
        root = tmp_path / str(digits)
        for kind, position in (('gt', 0), ('pred', 1)):
            for name, clip in videos.items():
                for t, ids in enumerate(clip[position]):
                    save_step(root / kind / name / f'{t:0{digits or 1}d}.png', ids, RAW_IDS)
        benchmark = KittiStepBenchmark(root / 'gt', root / 'pred', ['vpq', 'vc'], classes=classes)
        numbers.append(evaluate(benchmark)['metrics'])
    assert numbers[0] == numbers[1] and numbers[0]['vpq/VPQ_6'] != numbers[0]['vpq/VPQ_1']
