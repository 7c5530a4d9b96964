"""After ``kill -9`` and ``--resume`` a run logs what the uninterrupted one logs."""

import signal

import pytest
import torch

from tests.test_engine.training_runs import logged, make_project, run_tool, set_logs_aside
from videoseg.utils import latest_checkpoint

LOSSES = ('loss', 'loss_cls', 'loss_reg', 'lr')


@pytest.fixture(scope='module')
def whole_runs(tmp_path_factory):
    """The uninterrupted run of either kind, without worker processes: by_epoch -> work dir."""
    folder = tmp_path_factory.mktemp('whole')
    for by_epoch in (False, True):
        config = make_project(folder / f'project{by_epoch}', by_epoch=by_epoch, max_iters=15)
        assert run_tool('train.py', config, '--work-dir', folder / str(by_epoch), cwd=folder) == 0
    return {by_epoch: folder / str(by_epoch) for by_epoch in (False, True)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ('by_epoch', 'workers', 'kill_at'),
    [(False, 0, 5), (False, 2, 9), (True, 0, 8), (True, 2, 9)],
    ids=['iter', 'iter-workers', 'mid-epoch', 'mid-epoch-workers'],
)
def test_killed_run_continues_with_equal_losses(whole_runs, tmp_path, by_epoch, workers, kill_at):
    whole = logged(whole_runs[by_epoch])
    assert sorted(whole) == list(range(1, 16))

    cut = tmp_path / 'cut'
    config = make_project(tmp_path / 'project', by_epoch=by_epoch, workers=workers, max_iters=15)
    arguments = ('train.py', config, '--work-dir', cut)
    assert run_tool(*arguments, cwd=tmp_path, kill_at=kill_at) == -signal.SIGKILL
    assert max(logged(cut)) <= kill_at
    resumed_at = torch.load(latest_checkpoint(cut), weights_only=True)['meta']['iter']
    assert resumed_at % 5, 'the checkpoint must lie inside an epoch'
    set_logs_aside(cut)
    # Another seed on the command line does not matter: the run keeps its own.
    assert run_tool(*arguments, '--resume', '--seed', 7, cwd=tmp_path) == 0

    assert min(logged(cut, runs='2*')) == resumed_at + 1
    after = logged(cut)
    assert sorted(after) == sorted(whole)
    for step, entry in whole.items():
        for key in LOSSES:
            assert after[step][key] == pytest.approx(entry[key], abs=1e-7), (step, key)

    first, second = (torch.load(d / 'iter_15.pth', weights_only=True) for d in (whole_runs[by_epoch], cut))
    for name, value in first['state_dict'].items():
        assert torch.equal(value, second['state_dict'][name]), name
    assert torch.equal(first['random_state'][0]['torch'], second['random_state'][0]['torch'])


@pytest.mark.slow
def test_killed_between_checkpoint_and_validation(whole_runs, tmp_path):
    """The skipped validation draws random numbers, which must not be missed later; nor does one miss an epoch's end."""
    for by_epoch, kill_at in ((False, 12), (True, 15)):
        work_dir = tmp_path / str(by_epoch)
        config = make_project(tmp_path / f'project{by_epoch}', by_epoch=by_epoch, max_iters=15)
        arguments = ('train.py', config, '--work-dir', work_dir)
        assert run_tool(*arguments, cwd=tmp_path, kill_at=kill_at) == -signal.SIGKILL
        assert latest_checkpoint(work_dir).endswith(f'iter_{kill_at}.pth')
        set_logs_aside(work_dir)
        assert run_tool(*arguments, '--resume', cwd=tmp_path) == 0
        whole, after = logged(whole_runs[by_epoch]), logged(work_dir)
        assert {k: v['loss'] for k, v in after.items()} == pytest.approx({k: v['loss'] for k, v in whole.items()})
    # Epoch-based: the validation of the last epoch was still due, and was made.
    assert list(work_dir.glob('best_stq_STQ_*'))
