"""After ``kill -9`` and ``--resume`` a run logs what the uninterrupted one logs."""

import signal

import pytest
import torch

from tests.test_engine.training_runs import logged, make_project, tool
from videoseg.utils import latest_checkpoint

LOSSES = ('loss', 'loss_cls', 'loss_reg', 'lr')


@pytest.mark.slow
@pytest.mark.parametrize(
    ('by_epoch', 'workers', 'kill_at'),
    [(False, 0, 5), (False, 2, 9), (True, 0, 8), (True, 2, 10)],
    ids=['iter', 'iter-workers-before-validation', 'mid-epoch', 'mid-epoch-workers'],
)
def test_killed_run_continues_with_equal_losses(tmp_path, by_epoch, workers, kill_at):
    config = make_project(tmp_path / 'project', by_epoch=by_epoch, workers=workers, max_iters=15)
    tool('train.py', config, '--work-dir', tmp_path / 'whole', cwd=tmp_path)
    whole = logged(tmp_path / 'whole')
    assert sorted(whole) == list(range(1, 16))

    cut = tmp_path / 'cut'
    killed = tool('train.py', config, '--work-dir', cut, cwd=tmp_path, kill_at=kill_at, check=False)
    assert killed.returncode == -signal.SIGKILL
    before = logged(cut)
    assert max(before) <= kill_at
    resumed_at = torch.load(latest_checkpoint(cut), weights_only=True)['meta']['iter']
    assert resumed_at % 5, 'the checkpoint must lie inside an epoch'
    # Another seed on the command line must not matter: the run keeps its own.
    tool('train.py', config, '--work-dir', cut, '--resume', '--seed', 7, cwd=tmp_path)

    after = logged(cut)
    assert min(logged(cut, runs=slice(-1, None))) == resumed_at + 1
    assert sorted(after) == sorted(whole)
    for step, entry in whole.items():
        for key in LOSSES:
            assert after[step][key] == pytest.approx(entry[key], abs=1e-7), (step, key)

    ends = [torch.load(next(d.glob('iter_15.pth')), weights_only=True) for d in (tmp_path / 'whole', cut)]
    for name, value in ends[0]['state_dict'].items():
        assert torch.equal(value, ends[1]['state_dict'][name]), name
    for key in ('torch', 'python'):
        first, second = (end['random_state'][0][key] for end in ends)
        assert torch.equal(first, second) if key == 'torch' else first == second
