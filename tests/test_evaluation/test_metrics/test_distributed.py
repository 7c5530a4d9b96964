import json
import multiprocessing

import pytest
import torch
import torch.distributed as dist

from tests.test_evaluation.test_metrics.runs import VIDEOS, evaluator, process


def _worker(rank, folder, videos):
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2)
    numbers = process(evaluator(), *videos[rank]).evaluate(len(VIDEOS))
    (folder / f'{rank}.json').write_text(json.dumps(numbers))
    dist.destroy_process_group()


@pytest.mark.parametrize(
    'videos',
    [
        (('a', 'b'), ('c',)),
        (('a', 'c'), ('b', 'a')),  # the sampler padded with video a
        ((), ('c', 'a', 'b')),
    ],
)
def test_two_processes_equal_one(tmp_path, videos):
    expected = process(evaluator(), *VIDEOS).evaluate(len(VIDEOS))
    context = multiprocessing.get_context('fork')
    workers = [context.Process(target=_worker, args=(rank, tmp_path, videos)) for rank in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    for rank in range(2):
        assert json.loads((tmp_path / f'{rank}.json').read_text()) == expected
