"""Averaged weights (mmengine's EMAHook) in our runner: what is validated, saved, loaded and resumed.

The student port of the diffusion model averaged its weights and then predicted with the raw ones.
"""

import contextlib

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook

from tests.test_engine import tiny_parts
from tests.test_engine.tiny_config import tiny_config_text
from videoseg.apis import init_model
from videoseg.engine import VideoSegRunner
from videoseg.registry import HOOKS, MODELS

NAME = 'decoder.stem.weight'
MOMENTUM = 0.3
HOOK = f"custom_hooks = [dict(type='RandomStateHook'), dict(type='EMAHook', momentum={MOMENTUM})]"


@HOOKS.register_module(force=True)
class WeightRecorder(Hook):
    """Keeps the raw weights after every training iteration, and may fail in one."""

    priority = 'VERY_HIGH'

    def __init__(self, fail_at=None):
        self.raw, self.fail_at = [], fail_at

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if len(self.raw) + 1 == self.fail_at:
            raise InterruptedError
        self.raw.append(runner.model.state_dict()[NAME].clone())


@pytest.fixture
def config(tmp_path):
    def make(work_dir='run', extra=HOOK, **options):
        path = tmp_path / 'config.py'
        path.write_text(tiny_config_text(max_iters=8, extra=extra))
        cfg = Config.fromfile(path, import_custom_modules=False)
        cfg.work_dir = str(tmp_path / work_dir)
        cfg.merge_from_dict(options)
        return cfg

    return make


@pytest.fixture
def predicting(monkeypatch):
    """Weights at every prediction."""
    segmentor = MODELS.get(tiny_parts.TinySegmentor.__name__)  # other tests may have registered it anew
    seen, step_batch = [], segmentor.step_batch

    def recorded(self, *args):
        seen.append(self.state_dict()[NAME].clone())
        return step_batch(self, *args)

    monkeypatch.setattr(segmentor, 'step_batch', recorded)
    return seen


def averages(raw):
    """Running averages, the first of them the first weights."""
    average, all_averages = raw[0], []
    for weights in raw:
        average = average + MOMENTUM * (weights - average)
        all_averages.append(average)
    return all_averages


def train(cfg, fail_at=None):
    runner = VideoSegRunner.from_cfg(cfg)
    recorder = WeightRecorder(fail_at)
    runner.register_hook(recorder, priority='VERY_HIGH')
    with pytest.raises(InterruptedError) if fail_at else contextlib.nullcontext():
        runner.train()
    return recorder.raw


def test_validated_saved_and_tested_weights_are_the_averages(config, predicting, tmp_path):
    raw = train(config())
    expected = averages(raw)
    assert not torch.allclose(expected[-1], raw[-1])
    half = len(predicting) // 2
    assert half
    for weights in predicting[:half]:
        torch.testing.assert_close(weights, expected[3])  # validation after 4 iterations
    for weights in predicting[half:]:
        torch.testing.assert_close(weights, expected[7])
    for path in (tmp_path / 'run').glob('*iter_8.pth'):
        saved = torch.load(path, weights_only=True)
        torch.testing.assert_close(saved['state_dict'][NAME], expected[7])
    saved = torch.load(tmp_path / 'run' / 'iter_8.pth', weights_only=True)
    torch.testing.assert_close(saved['ema_state_dict'][f'module.{NAME}'], raw[-1])

    for hook in (HOOK, ''):  # with and without the hook in the config of the test
        predicting.clear()
        cfg = config('test', extra=hook, load_from=str(tmp_path / 'run' / 'iter_8.pth'))
        VideoSegRunner.from_cfg(cfg).test()
        assert predicting
        for weights in predicting:
            torch.testing.assert_close(weights, expected[7])

    model = init_model(config(extra=''), tmp_path / 'run' / 'iter_8.pth')
    torch.testing.assert_close(model.state_dict()[NAME], expected[7])


def test_training_goes_on_with_the_raw_weights(config, tmp_path):
    """Also over an interruption: raw weights and their average both continue."""
    whole = train(config('whole'))
    train(config('parts', **{'default_hooks.checkpoint.interval': 5}), fail_at=7)
    resumed = train(config('parts', resume=True))
    assert len(resumed) == 3
    for one, other in zip(whole[5:], resumed, strict=True):
        torch.testing.assert_close(one, other)
    saved = [torch.load(tmp_path / name / 'iter_8.pth', weights_only=True) for name in ('whole', 'parts')]
    torch.testing.assert_close(saved[0]['state_dict'][NAME], saved[1]['state_dict'][NAME])
    torch.testing.assert_close(saved[0]['state_dict'][NAME], averages(whole)[-1])
