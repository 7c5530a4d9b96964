"""What the configs of the diffusion decoder promise beyond building and stepping (``test_configs.py``)."""

from pathlib import Path

import pytest
from mmengine.config import Config

from tests.reduced_models import build_on_meta, transforms_of

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(path.name for path in ROOT.glob('configs/diffusion/*.py'))
RECIPES = {  # specs/pix2seq_d.md section 8: learning rate, last factor, EMA decay, length, batch, past masks
    'r50_coco_panoptic_512.py': (1e-4, 0.1, 0.999, 800, 512, 0),
    'r50_coco_panoptic.py': (1e-5, 0.1, 0.999, 15, 16, 0),
    'r50_kitti_step.py': (1e-5, None, 0.99, 50000, 32, 2),
    'r50_davis.py': (3e-5, None, 0.99, 50000, 32, 2),
}


def read(name):
    return Config.fromfile(ROOT / 'configs/diffusion' / name)


@pytest.mark.parametrize('name', CONFIGS)
def test_clips_are_augmented_as_one_and_weights_averaged(name):
    """Weak points 2 and 10 of the student port: one draw a frame, and predictions with raw weights."""
    cfg = read(name)
    (shared,) = [t for t in transforms_of(cfg.train_dataloader) if t.type == 'TransformBroadcaster']
    assert shared.share_random_params
    sampling = next(t for t in transforms_of(cfg.train_dataloader) if t.type == 'ClipSample')
    num_past = cfg.model.decoder.get('num_past', 0)
    if num_past and cfg.model.decoder.get('missing_past') != 'void':
        assert (sampling.offsets, sampling.num_refs) in (((-2, -1), 2), ([-2, -1], 2)) and num_past == 2
    else:
        assert sampling.num_refs == 0
    assert [hook.type for hook in cfg.custom_hooks] == ['RandomStateHook', 'EMAHook']


@pytest.mark.parametrize('name', RECIPES)
def test_published_recipes(name):
    cfg = read(name)
    wrapper, ema = cfg.optim_wrapper, cfg.custom_hooks[1]
    assert (wrapper.optimizer.weight_decay, wrapper.clip_grad.max_norm) == (0.05, 1.0)
    factor = cfg.param_scheduler[-1].end_factor if cfg.param_scheduler else None
    length = cfg.train_cfg.get('max_iters') or cfg.train_cfg.max_epochs
    past = cfg.model.decoder.get('num_past', 0)
    found = (wrapper.optimizer.lr, factor, 1 - ema.momentum, length, cfg.auto_scale_lr.base_batch_size, past)
    assert found == RECIPES[name]
    assert cfg.model.decoder.codec.scale == 0.1 and cfg.model.decoder.loss_bits.power == 0.2


@pytest.mark.parametrize('name', [name for name in CONFIGS if 'effnet-lite0' in name])
def test_small_denoisers(name):
    model = build_on_meta(read(name).model)
    assert sum(p.numel() for p in model.decoder.denoiser.parameters()) <= 1.5e6
    assert model.neck[-1].stride == 4
