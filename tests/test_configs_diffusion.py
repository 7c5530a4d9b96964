"""What the configs of the diffusion decoder promise beyond building and stepping (``test_configs.py``)."""

from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from tests.reduced_models import build_on_meta, reduce_pictures, transforms_of
from tests.test_datasets.step_files import LOAD, broadcast, dataset_args, scene, write_frame
from videoseg.datasets import BaseVideoPanopticDataset
from videoseg.datasets.samplers import DrawIndex

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


@pytest.mark.usefixtures('default_scope')
@pytest.mark.parametrize('name', CONFIGS)
def test_pipelines_draw_once_a_clip_and_never_mix_labels(name, tmp_path):
    """Weak points 1 and 2: labels went through bilinear resizing and colour jitter, and flips were drawn per frame.

    In a video where nothing moves all frames of a clip stay equal, and other labels do not appear. Configs of single
    images are given clips too; their colours may differ from frame to frame.
    """
    colours = np.random.default_rng(0).integers(0, 256, (24, 40, 3)).astype(np.uint8)
    for t in range(3):
        write_frame(tmp_path, 'train', '0000', f'{t}', scene(0), colours)
    cfg = read(name)
    reduce_pictures(cfg.train_dataloader, (80, 48))
    has_clips = next(t for t in transforms_of(cfg.train_dataloader) if t.type == 'ClipSample').num_refs > 0
    cfg.train_dataloader.dataset.pipeline = [
        dict(t, offsets=(-2, -1), num_refs=2) if t.type == 'ClipSample' else t
        for t in transforms_of(cfg.train_dataloader)
        if t.type != 'PackClipInputs'
    ]
    plain = [dict(type='ClipSample', num_refs=0), broadcast(*LOAD)]
    (untouched,) = BaseVideoPanopticDataset(**dataset_args(tmp_path, pipeline=plain))[DrawIndex(0, 0)]['gt_seg_map']
    dataset = BaseVideoPanopticDataset(**dataset_args(tmp_path, pipeline=cfg.train_dataloader.dataset.pipeline))
    known, flips = set(np.unique(untouched)), set()
    for seed in range(8):
        clip = dataset[DrawIndex(2, seed)]
        assert len(clip['img']) == 3 and len(set(clip['flip'])) == 1
        for image, ids in zip(clip['img'][1:], clip['gt_seg_map'][1:], strict=True):
            assert np.array_equal(ids, clip['gt_seg_map'][0])
            assert np.array_equal(image, clip['img'][0]) or not has_clips
        assert set(np.unique(clip['gt_seg_map'][0])) <= known
        flips.add(clip['flip'][0])
    assert flips == {True, False}


def test_image_models_fit_into_video_models():
    """Weak point 7: with other channels in pre-training, first and last layers had to be multiplied."""
    shapes = [
        {key: tuple(x.shape) for key, x in build_on_meta(read(name).model).state_dict().items()}
        for name in ('r50_cityscapes_step.py', 'r50_kitti_step.py')
    ]
    assert shapes[0] == shapes[1] and 'decoder.denoiser.conv_in.weight' in shapes[0]


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
