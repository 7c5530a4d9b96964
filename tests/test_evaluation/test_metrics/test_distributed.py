import json
import multiprocessing

import pytest
import torch
import torch.distributed as dist

from tests.test_evaluation.test_metrics.runs import ALL_METRICS, VIDEOS, evaluator, process

FORMATS = ('kitti_step', 'vipseg', 'cityscapes_vps', 'coco_panoptic', 'youtube_vis', 'vspw', 'davis')


def _evaluator(folder):
    writers = [{'type': 'PredictionWriter', 'format': x, 'out_dir': str(folder / x)} for x in FORMATS]
    return evaluator([*ALL_METRICS, *writers])


def _worker(rank, folder, videos):
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2)
    numbers = process(_evaluator(folder / 'written'), *videos[rank]).evaluate(len(VIDEOS))
    (folder / f'{rank}.json').write_text(json.dumps(numbers))
    dist.destroy_process_group()


def _files(folder):
    return {x.relative_to(folder).as_posix(): x.read_bytes() for x in folder.rglob('*') if x.is_file()}


@pytest.mark.parametrize(
    'videos',
    [
        (('a', 'b'), ('c',)),
        (('a', 'c'), ('b', 'a')),  # the sampler padded with video a
        ((), ('c', 'a', 'b')),
    ],
)
def test_two_processes_equal_one(tmp_path, videos):
    expected = process(_evaluator(tmp_path / 'alone'), *VIDEOS).evaluate(len(VIDEOS))
    assert {x.split('/')[0] for x in expected} == {'stq', 'vpq', 'pq', 'ap', 'jf', 'vss', 'vc'}
    context = multiprocessing.get_context('fork')
    workers = [context.Process(target=_worker, args=(rank, tmp_path, videos)) for rank in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    for rank in range(2):
        assert (tmp_path / f'{rank}.json').read_text() == json.dumps(expected)  # as text: NaN is not equal to itself
    alone, both = _files(tmp_path / 'alone'), _files(tmp_path / 'written')
    assert {x.split('/')[0] for x in alone} == set(FORMATS) and len(alone) >= 6 * 20 + 5
    assert both == alone
