import copy
import os
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config

from tests.test_engine import tiny_parts  # noqa: F401  (registers)
from tests.test_engine.distributed import run_ranks
from tests.test_engine.tiny_config import tiny_config_text
from tests.test_models.tiny_models import TINY, batch, video
from videoseg.engine import VideoSegRunner
from videoseg.engine.hooks.random_state_hook import get_random_state, set_random_state
from videoseg.registry import MODELS
from videoseg.utils import CheckpointLoadError, CheckpointMismatchError, CheckpointSaveError, WorkDirError


@pytest.fixture
def config(tmp_path):
    """Makes configs of the tiny world; options are merged in."""

    def make(work_dir='run', options=None, **kwargs):
        path = tmp_path / 'config.py'
        path.write_text(tiny_config_text(**{'max_iters': 6, **kwargs}))
        cfg = Config.fromfile(path, import_custom_modules=False)
        cfg.work_dir = str(tmp_path / work_dir)
        cfg.merge_from_dict(options or {})
        return cfg

    return make


def test_trained_checkpoint_is_plain_and_describes_itself(config, tmp_path):
    VideoSegRunner.from_cfg(config()).train()
    assert sorted(p.name for p in (tmp_path / 'run').glob('*.pth')) == [
        'best_stq_STQ_iter_6.pth',
        'iter_4.pth',
        'iter_6.pth',
    ]
    assert (tmp_path / 'run' / 'last_checkpoint').read_text().endswith('iter_6.pth')
    saved = torch.load(tmp_path / 'run' / 'iter_6.pth', weights_only=True)
    meta = saved['meta']
    assert (meta['decoder'], meta['classes'], meta['config']) == ('TinyDecoder', ['person', 'road', 'sky'], 'config.py')
    assert (meta['iter'], meta['seed'], meta['sampler_seed'], meta['world_size']) == (6, 0, 0, 1)
    assert meta['videoseg_version']
    history, counts = saved['message_hub']['log_scalars']['train/loss']
    assert history.shape == counts.shape == (6,)
    assert saved['message_hub']['runtime_info']['best_score'] == 0.6
    assert len(saved['random_state']) == 1
    best = torch.load(tmp_path / 'run' / 'best_stq_STQ_iter_6.pth', weights_only=True)
    assert 'optimizer' not in best


def test_best_checkpoint_stays_when_a_later_one_is_worse(config, tmp_path):
    options = {'val_evaluator.scores': [0.7, 0.2, 0.3], 'default_hooks.checkpoint.max_keep_ckpts': 1}
    VideoSegRunner.from_cfg(config(options=options, max_iters=9)).train()
    assert sorted(p.name for p in (tmp_path / 'run').glob('*.pth')) == ['best_stq_STQ_iter_4.pth', 'iter_9.pth']


def test_unknown_metric_for_best_is_named(config):
    cfg = config(options={'default_hooks.checkpoint.save_best': 'vpq/VPQ'})
    with pytest.raises(KeyError, match='save_best: validation gives no vpq/VPQ; it gives stq/STQ'):
        VideoSegRunner.from_cfg(cfg).train()


def test_full_disk_keeps_the_former_checkpoint(config, tmp_path, monkeypatch):
    """Even if only one is kept: it goes when the next one is complete, not before."""
    options = {'default_hooks.checkpoint.max_keep_ckpts': 1, 'default_hooks.checkpoint.interval': 2}
    cfg = config(options=options)
    save, calls = torch.save, []

    def full_disk(content, file):
        calls.append(file.name)
        if len(calls) > 1:
            file.write(b'half a checkpoint')
            raise OSError(28, 'No space left on device')
        save(content, file)

    monkeypatch.setattr(torch, 'save', full_disk)
    with pytest.raises(CheckpointSaveError, match=r'iter_4\.pth: .*No space left'):
        VideoSegRunner.from_cfg(cfg).train()
    monkeypatch.undo()
    run = tmp_path / 'run'
    assert [p for p in os.listdir(run) if 'pth' in p] == ['iter_2.pth']
    assert (run / 'last_checkpoint').read_text().endswith('iter_2.pth')
    cfg = config(options={**options, 'resume': True})
    runner = VideoSegRunner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 6 and (run / 'iter_6.pth').exists()


def test_unwritable_work_dir_fails_before_anything_is_built(config, tmp_path):
    (tmp_path / 'file').write_text('')
    cfg = config(work_dir='file/run', options={'model.type': 'NotThere'})
    with pytest.raises(WorkDirError, match=r'cannot write to the work dir .*file/run'):
        VideoSegRunner.from_cfg(cfg)


def test_nothing_to_resume(config, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'--resume: there is nothing to resume in .*run.*no last_checkpoint'):
        VideoSegRunner.from_cfg(config(options={'resume': True}))
    (tmp_path / 'run' / 'last_checkpoint').write_text('/lost/iter_3.pth')
    with pytest.raises(FileNotFoundError, match=r'names /lost/iter_3\.pth, which does not exist'):
        VideoSegRunner.from_cfg(config(options={'resume': True}))


def test_best_checkpoint_cannot_be_resumed(config, tmp_path):
    VideoSegRunner.from_cfg(config()).train()
    best = str(tmp_path / 'run' / 'best_stq_STQ_iter_6.pth')
    with pytest.raises(CheckpointLoadError, match=r'best_stq.* cannot be resumed: it lacks optimizer'):
        VideoSegRunner.from_cfg(config(work_dir='next', options={'resume': True, 'load_from': best})).train()


def test_load_from_reports_and_stops(config, tmp_path):
    VideoSegRunner.from_cfg(config()).train()
    source = str(tmp_path / 'run' / 'iter_6.pth')
    options = {'load_from': source, 'model.decoder.extra': True}
    with pytest.raises(CheckpointMismatchError, match=r'received nothing: decoder\.embedding_head'):
        VideoSegRunner.from_cfg(config('second', options)).train()
    runner = VideoSegRunner.from_cfg(config('third', {**options, 'load_from_allow': ['decoder.embedding_head']}))
    before = copy.deepcopy(runner.model.decoder.embedding_head.state_dict())
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.load_or_resume()
    saved = torch.load(source, weights_only=True)['state_dict']
    assert torch.equal(runner.model.decoder.stem.weight, saved['decoder.stem.weight'])
    assert all(torch.equal(v, before[k]) for k, v in runner.model.decoder.embedding_head.state_dict().items())
    with pytest.raises(CheckpointMismatchError, match=r'\(5, 8\) in the model, \(3, 8\) in the checkpoint'):
        VideoSegRunner.from_cfg(config('fourth', {'load_from': source, 'model.decoder.num_classes': 5})).train()


def test_load_from_another_class_count(config, tmp_path):
    """Only the classifier that ``load_from_allow`` names starts anew, and the log says which."""
    VideoSegRunner.from_cfg(config()).train()
    options = {'load_from': str(tmp_path / 'run' / 'iter_6.pth'), 'model.decoder.num_classes': 5}
    with pytest.raises(CheckpointMismatchError, match=r"load_from_allow = \['decoder\.fc_cls'\]"):
        VideoSegRunner.from_cfg(config('refused', {**options, 'load_from_allow': ['decoder.stem.*']})).train()
    runner = VideoSegRunner.from_cfg(config('allowed', {**options, 'load_from_allow': ['decoder.fc_cls']}))
    before = copy.deepcopy(runner.model.decoder.fc_cls.state_dict())
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.load_or_resume()
    saved = torch.load(options['load_from'], weights_only=True)['state_dict']
    assert all(torch.equal(v, before[k]) for k, v in runner.model.decoder.fc_cls.state_dict().items())
    others = {k: v for k, v in runner.model.state_dict().items() if 'fc_cls' not in k}
    assert others and all(torch.equal(v, saved[k]) for k, v in others.items())
    (log,) = (tmp_path / 'allowed').glob('*/*.log')
    assert 'decoder.fc_cls.weight is (5, 8) in the model, (3, 8) in the checkpoint' in log.read_text()


def test_testing_wants_an_exact_fit(config, tmp_path):
    VideoSegRunner.from_cfg(config()).train()
    source = str(tmp_path / 'run' / 'iter_6.pth')
    assert VideoSegRunner.from_cfg(config('test', {'load_from': source})).test()['stq/videos'] == 2
    options = {'load_from': source, 'model.decoder.extra': True, 'load_from_allow': ['decoder.embedding_head']}
    with pytest.raises(CheckpointMismatchError, match='missing: decoder.embedding_head'):
        VideoSegRunner.from_cfg(config('test', options)).test()
    options = {'load_from': source, 'test_dataloader.dataset.classes': ['person', 'road', 'water']}
    with pytest.raises(CheckpointMismatchError, match=r"classes \['person', 'road', 'sky'\], the model here"):
        VideoSegRunner.from_cfg(config('test', options)).test()


def test_pretrained_backbones_are_read_safely(config, tmp_path):
    """``init_cfg`` goes through mmengine's loader, which would unpickle anything."""

    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'trap'),)

    torch.save({'state_dict': {}, 'x': Payload()}, tmp_path / 'evil.pth')
    runner = VideoSegRunner.from_cfg(config())
    runner.model.init_cfg = {'type': 'Pretrained', 'checkpoint': str(tmp_path / 'evil.pth')}
    with pytest.raises(CheckpointLoadError, match='refused'):
        runner.model.init_weights()
    assert not (tmp_path / 'trap').exists()


def test_random_state_round_trip(tmp_path):
    torch.save(get_random_state(), tmp_path / 'state.pt')
    drawn = [random.random(), np.random.rand(), torch.rand(1).item()]
    set_random_state(torch.load(tmp_path / 'state.pt', weights_only=True))
    assert drawn == [random.random(), np.random.rand(), torch.rand(1).item()]


def test_validation_leaves_no_trace_in_the_generators(config):
    """Losses do not depend on whether (and how) one validates."""
    losses = []
    for interval in (1, 100):
        runner = VideoSegRunner.from_cfg(config(f'run{interval}', {'train_cfg.val_interval': interval}))
        runner.train()
        losses.append(list(runner.message_hub.get_scalar('train/loss').data[0]))
    assert losses[0] == losses[1]


def _train_rank(rank, cfg, stop_at):
    cfg.launcher = 'pytorch'
    cfg.train_dataloader.batch_size = 1
    cfg.randomness = dict(seed=0, diff_rank_seed=True)  # dropout differs between the ranks
    runner = VideoSegRunner.from_cfg(cfg)
    assert torch.distributed.get_backend() == 'gloo'
    if stop_at:
        runner._train_loop = runner.build_train_loop(runner._train_loop)
        runner._train_loop._max_iters = stop_at
    runner.train()
    torch.save([float(x) for x in runner.message_hub.get_scalar('train/loss').data[0]], f'{cfg.work_dir}/losses{rank}')


@pytest.mark.slow
def test_two_processes_resume_each_its_random_state(config, tmp_path):
    MODELS.get('TinySegmentor')
    run_ranks(_train_rank, 2, config('whole'), 0)
    run_ranks(_train_rank, 2, config('cut'), 3)
    run_ranks(_train_rank, 2, config('cut', {'resume': True}), 0)
    for rank in range(2):
        whole, cut = (torch.load(tmp_path / name / f'losses{rank}') for name in ('whole', 'cut'))
        # The history before the interruption is that of rank 0, which wrote the checkpoint.
        assert len(whole) == len(cut) == 6 and cut[3:] == pytest.approx(whole[3:], abs=1e-7)
    assert torch.load(tmp_path / 'whole' / 'losses0') != torch.load(tmp_path / 'whole' / 'losses1')
    saved = torch.load(tmp_path / 'whole' / 'iter_6.pth', weights_only=True)
    assert len(saved['random_state']) == 2


def test_instance_data_may_lack_the_stuff_in_tests_only():
    runner = object.__new__(VideoSegRunner)
    runner.model = SimpleNamespace(decoder=SimpleNamespace(num_things=2, num_stuff=1))
    runner._dataset_metainfo = lambda: {'classes': ('person', 'car'), 'num_things': 2}
    checkpoint = {'meta': {'classes': ['person', 'car', 'road']}}
    runner._strict_load = True
    runner._check_class_counts()
    assert runner._expected_meta(checkpoint)['classes'] == ['person', 'car', 'road']
    assert runner._expected_meta({'meta': {'classes': ['car', 'person', 'road']}})['classes'] == ['person', 'car']
    runner._strict_load = False
    assert runner._expected_meta(checkpoint)['classes'] == ['person', 'car']
    with pytest.raises(ValueError, match='the model has 2 thing and 1 stuff classes, the data set  has 2 and 0'):
        runner._check_class_counts()


def test_channels_last_changes_the_memory_layout_only(config):
    losses, layouts, weights = [], [], None
    for number, channels_last in enumerate((False, True)):
        cfg = config(work_dir=f'run{number}', options={'channels_last': channels_last})
        cfg.model = copy.deepcopy(TINY)
        model = VideoSegRunner.from_cfg(cfg).model.eval()
        weights = weights or copy.deepcopy(model.state_dict())
        model.load_state_dict(weights)
        data = batch(model, video(0, frames=2), video(1, frames=2), training=True)
        losses.append({name: float(value) for name, value in model(**data, mode='loss').items()})
        layouts.append(model.backbone._conv_stem.weight.is_contiguous(memory_format=torch.channels_last))
    assert layouts == [False, True]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
