"""The command lines, as users type them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.test_engine.training_runs import ROOT, make_project, run_tool
from tests.tool_module import load_tool


def _log(folder: Path) -> str:
    text = (folder / 'log.txt').read_text()
    (folder / 'log.txt').unlink()
    return text


@pytest.fixture
def project(tmp_path):
    """A user's folder, trained for six iterations from another working directory."""
    config = make_project(tmp_path / 'project', max_iters=6)
    cwd = tmp_path / 'elsewhere'
    cwd.mkdir()
    assert run_tool('train.py', config, cwd=cwd) == 0, _log(cwd)
    return config, cwd


@pytest.mark.slow
def test_user_module_is_found_in_a_fresh_process(tmp_path):
    """A decoder subclassed beside the config trains, although the tool runs from elsewhere."""
    config = make_project(tmp_path / 'project', max_iters=2)
    (config.parent / 'my_decoder.py').write_text(
        'from tiny_parts import TinyDecoder\n'
        'from videoseg.registry import MODELS\n\n\n'
        '@MODELS.register_module()\n'
        'class MyDecoder(TinyDecoder):\n'
        '    def forward(self, inputs):\n'
        '        return 2 * super().forward(inputs)\n'
    )
    mine = config.parent / 'mine.py'
    mine.write_text(
        "_base_ = './tiny.py'\n"
        "custom_imports = dict(imports=['tiny_parts', 'my_decoder'])\n"
        "model = dict(decoder=dict(type='MyDecoder'))\n"
    )
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    env = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    command = [sys.executable, str(ROOT / 'tools' / 'train.py'), '../project/mine.py']
    done = subprocess.run(command, cwd=elsewhere, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    saved = torch.load(elsewhere / 'work_dirs' / 'mine' / 'iter_2.pth', weights_only=True)
    assert saved['meta']['decoder'] == 'MyDecoder'


def test_test_writes_metrics(project):
    config, cwd = project
    checkpoint = cwd / 'work_dirs' / 'tiny' / 'iter_6.pth'
    assert run_tool('test.py', config, checkpoint, '--out', 'out/metrics.json', cwd=cwd) == 0, _log(cwd)
    assert json.loads((cwd / 'out' / 'metrics.json').read_text())['metrics'] == {
        'stq/STQ': 0.5,
        'stq/frames': 8,
        'stq/videos': 2,
    }
    assert 'matched' in _log(cwd)


def test_test_refuses_what_does_not_fit(project, tmp_path):
    config, cwd = project
    checkpoint = cwd / 'work_dirs' / 'tiny' / 'iter_6.pth'
    options = ('--cfg-options', 'model.decoder.num_classes=5')
    assert run_tool('test.py', config, checkpoint, *options, cwd=cwd) == 1
    log = _log(cwd)
    assert 'CheckpointMismatchError' in log and 'received nothing: decoder.fc_cls' in log

    cut = tmp_path / 'cut.pth'
    cut.write_bytes(checkpoint.read_bytes()[:2000])
    assert run_tool('test.py', config, cut, cwd=cwd) == 1
    assert 'cut.pth (2000 bytes) is truncated' in _log(cwd)


def test_unsafe_load_is_a_choice(project, tmp_path):
    config, cwd = project
    content = torch.load(cwd / 'work_dirs' / 'tiny' / 'iter_6.pth', weights_only=True)
    content['extra'] = subprocess.CompletedProcess(['x'], 0)
    torch.save(content, tmp_path / 'objects.pth')
    assert run_tool('test.py', config, tmp_path / 'objects.pth', cwd=cwd) == 1
    assert 'objects.pth was refused' in _log(cwd)
    assert run_tool('test.py', config, tmp_path / 'objects.pth', '--unsafe-load', cwd=cwd) == 0, _log(cwd)


def test_resume_with_nothing_to_resume(tmp_path):
    config = make_project(tmp_path / 'project')
    assert run_tool('train.py', config, '--work-dir', 'empty', '--resume', cwd=tmp_path) == 1
    log = _log(tmp_path)
    assert f'--resume: there is nothing to resume in {tmp_path / "empty"}' in log
    assert run_tool('train.py', config, '--resume', 'lost.pth', cwd=tmp_path) == 1
    assert 'checkpoint lost.pth does not exist' in _log(tmp_path)


def test_unwritable_work_dir(tmp_path):
    config = make_project(tmp_path / 'project')
    assert run_tool('train.py', config, '--work-dir', config / 'run', cwd=tmp_path) == 1
    assert f'cannot write to the work dir {config}/run' in _log(tmp_path)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ('train_cfg.max_itres=3', r'tiny.py, key train_cfg.max_itres:'),
        ('model.decoder.num_class=3', r'tiny.py, key model.decoder.num_class:'),
        ('model.type=TinySegmenter', r'tiny.py, key model.type:'),
        ('train_dataloder.batch_size=3', "unknown key 'train_dataloder'; did you mean 'train_dataloader'?"),
    ],
)
def test_misspelt_options_are_located(tmp_path, options, message):
    config = make_project(tmp_path / 'project')
    assert run_tool('train.py', config, '--cfg-options', options, cwd=tmp_path) == 1
    assert message in _log(tmp_path)


def test_auto_scale_lr(tmp_path):
    config = make_project(tmp_path / 'project', max_iters=1)
    assert run_tool('train.py', config, '--auto-scale-lr', cwd=tmp_path) == 1
    assert 'has no auto_scale_lr' in _log(tmp_path)
    config = make_project(tmp_path / 'project', max_iters=1, extra='auto_scale_lr = dict(base_batch_size=8)')
    assert run_tool('train.py', config, '--auto-scale-lr', '--seed', 5, cwd=tmp_path) == 0, _log(tmp_path)
    saved = torch.load(tmp_path / 'work_dirs' / 'tiny' / 'iter_1.pth', weights_only=True)
    assert saved['optimizer']['param_groups'][0]['initial_lr'] == pytest.approx(0.01 * 2 / 8)
    assert saved['meta']['seed'] == saved['meta']['sampler_seed'] == 5


def test_amp_needs_a_gpu(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    config = make_project(tmp_path / 'project')
    assert run_tool('train.py', config, '--amp', cwd=tmp_path) == 1
    assert '--amp: mixed precision training needs a GPU' in _log(tmp_path)


def test_show_dir_configures_the_visualization_hook(tmp_path, monkeypatch):
    module = load_tool('test.py')
    config = make_project(tmp_path / 'project')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'path', list(sys.path))
    monkeypatch.setattr(sys, 'argv', ['test.py', str(config), 'a.pth', '--show-dir', 'pictures'])
    cfg = module.configure(module.parse_args())
    assert cfg.default_hooks.visualization == {'type': 'VideoVisualizationHook', 'show_dir': str(tmp_path / 'pictures')}
    assert cfg.load_from == 'a.pth' and cfg.work_dir == 'work_dirs/tiny'
