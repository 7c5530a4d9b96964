import json

import pytest

from tests.test_evaluation.layouts import clip_segments, clips, write_kitti_step, write_vipseg
from videoseg.evaluation.benchmarks.evaluate import evaluate
from videoseg.evaluation.benchmarks.kitti_step_benchmark import KittiStepBenchmark
from videoseg.evaluation.benchmarks.vipseg_benchmark import VIPSegBenchmark


def many(number=5):
    return {f'{x}{i}': pair for i in range(number) for x, pair in clip_segments(3).items()}


def test_the_result_does_not_depend_on_the_number_of_processes(tmp_path):
    write_vipseg(tmp_path, many())
    benchmark = VIPSegBenchmark(tmp_path / 'gt.json', tmp_path / 'pred.json')
    seen = []
    expected = evaluate(benchmark, progress=lambda *state: seen.append(state))
    names = list(benchmark.videos)
    assert seen == [(i + 1, 10, name) for i, name in enumerate(names)]
    seen.clear()
    result = evaluate(benchmark, 2, lambda *state: seen.append(state))
    assert json.dumps(result) == json.dumps(expected)
    assert seen == [(i + 1, 10, name) for i, name in enumerate(names)]


def test_the_result_is_a_json(tmp_path):
    write_kitti_step(tmp_path, clips(2))
    result = evaluate(KittiStepBenchmark(tmp_path / 'gt', tmp_path / 'pred'))
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert result['num_videos'] == 2 and result['num_frames'] == 4
    assert result['per_video']['a']['num_frames'] == 2
    assert result['metrics']['vpq/VPQ_4'] is None and 0 < result['metrics']['vpq/VPQ_2'] <= 1
    assert result['per_class']['bus'] == {name: None for name in result['per_class']['bus']} | {'stq/num_tubes': 0}
    assert {'vpq/VPQ', 'vpq/VPQ_thing', 'vpq/VPQ_stuff', 'stq/AQ'} <= result['per_video']['b'].keys()


@pytest.mark.parametrize('jobs', [1, 2])
def test_errors_of_processes_arrive(tmp_path, jobs):
    write_kitti_step(tmp_path, clips(3))
    path = tmp_path / 'pred' / 'b' / '000001.png'
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="video 'b', frame '000001': .*000001.png: cannot be read, perhaps truncated"):
        evaluate(KittiStepBenchmark(tmp_path / 'gt', tmp_path / 'pred'), jobs)


def test_impossible_numbers_of_processes_are_refused(tmp_path):
    write_kitti_step(tmp_path, clips(2))
    with pytest.raises(ValueError, match='jobs is 0, expected at least 1'):
        evaluate(KittiStepBenchmark(tmp_path / 'gt', tmp_path / 'pred'), 0)
