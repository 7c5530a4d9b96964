"""Tube-Link's configs have the published recipes, and the weights that they start from fit."""

from fnmatch import fnmatchcase
from pathlib import Path

import mmdet
import pytest
from mmengine.config import Config

from tests.reduced_models import build_on_meta
from videoseg.utils import load_config
from videoseg.utils.checkpoint_report import load_checkpoint_report

pytestmark = pytest.mark.usefixtures('default_scope')

ROOT = Path(__file__).parents[1] / 'configs'
COCO = Path(mmdet.__file__).parent / '.mim/configs/mask2former'
RECIPES = {  # specs/tube_link.md section 4.2: frames a clip and their distance, test window, queries, length, steps
    'tube_link/r50_vipseg': (4, 1, 4, 100, 8, [7]),
    'tube_link/swin-b_vipseg': (4, 1, 2, 100, 6, [5]),
    'tube_link/swin-l_vipseg': (4, 1, 2, 200, 6, [5]),
    'tube_link/stdc1_vipseg': (8, 1, 6, 100, 8, [7]),
    'tube_link/stdc2_vipseg': (8, 1, 1, 100, 12, [9, 11]),
    'tube_link/r50_vspw': (4, 2, 6, 100, 6, [5]),
    'tube_link/swin-l_vspw': (6, 2, 6, 200, 6, [5]),
    'tube_link/swin-l_vspw_2frames': (2, 1, 6, 200, 6, [5]),
    'tube_link/r50_youtube_vis_2019': (5, 1, 4, 100, 15000, [5000, 10000]),
    'tube_link/r50_youtube_vis_2021': (5, 1, 4, 100, 15000, [5000, 10000]),
    'tube_link/swin-l_youtube_vis_2019': (5, 1, 4, 100, 10000, [2500, 5000]),
    'tube_link/swin-l_youtube_vis_2021': (5, 1, 4, 100, 10000, [2500, 5000]),
    'tube_link/r50_ovis': (4, 1, 4, 100, 10000, [2500, 5000]),
}
STARTS = {  # config -> config of the same weights in mmdet
    'tube_link/r50_vipseg': 'mask2former_r50_8xb2-lsj-50e_coco-panoptic',
    'tube_link/swin-b_kitti_step': 'mask2former_swin-b-p4-w12-384-in21k_8xb2-lsj-50e_coco-panoptic',
    'tube_link/swin-l_vipseg': 'mask2former_swin-l-p4-w12-384-in21k_16xb1-lsj-100e_coco-panoptic',
    'tube_link/swin-l_vspw': 'mask2former_swin-l-p4-w12-384-in21k_16xb1-lsj-100e_coco-panoptic',
    'tube_link/r50_vspw': 'mask2former_r50_8xb2-lsj-50e_coco-panoptic',
    'tube_link/r50_ovis': 'mask2former_r50_8xb2-lsj-50e_coco',
    'minvis/r50_youtube_vis_2021': 'mask2former_r50_8xb2-lsj-50e_coco',
    'mask2former_vis/r50_youtube_vis_2019': 'mask2former_r50_8xb2-lsj-50e_coco',
}


def config(name):
    return load_config(ROOT / f'{name}.py')


@pytest.mark.parametrize('name', RECIPES)
def test_published_recipes(name):
    cfg = config(name)
    optimizer, params = cfg.optim_wrapper.optimizer, cfg.optim_wrapper.paramwise_cfg
    assert (optimizer.lr, optimizer.weight_decay, cfg.optim_wrapper.clip_grad.max_norm) == (1e-4, 0.05, 0.01)
    assert params.norm_decay_mult == 0 and params.custom_keys.backbone.lr_mult == 0.1
    slow = 'swin-l_youtube_vis' in name
    for key in ('query_embed', 'query_feat', 'level_embed'):
        own = params.custom_keys[key]
        assert (own.get('lr_mult', 1.0), own.decay_mult) == (0.1 if slow else 1.0, 0.0)
    warm_up, steps = cfg.param_scheduler
    assert (warm_up.end, warm_up.start_factor, steps.gamma) == (500, 0.001, 0.1)
    length = cfg.train_cfg.get('max_epochs') or cfg.train_cfg.max_iters
    assert steps.end == length and steps.by_epoch == ('max_epochs' in cfg.train_cfg)
    assert cfg.train_dataloader.sampler.get('infinite', False) != steps.by_epoch
    assert cfg.train_dataloader.batch_size == 1
    sample, window = cfg.train_dataloader.dataset.pipeline[0], cfg.model.test_cfg.window
    found = (
        sample.consecutive,
        sample.get('stride', 1),
        window,
        cfg.model.decoder.num_queries,
        length,
        steps.milestones,
    )
    assert found == RECIPES[name]


def test_slow_parameters_of_swin():
    """Every norm of the backbone and every position table is slow and does not decay; the rest is only slow."""
    cfg = config('tube_link/swin-l_youtube_vis_2019')
    keys = cfg.optim_wrapper.paramwise_cfg.custom_keys
    for name, _ in build_on_meta(cfg.model).backbone.named_parameters(prefix='backbone'):
        own = keys[max((key for key in keys if key in name), key=len)]
        flat = 'norm' in name or 'relative_position_bias_table' in name
        assert (own.lr_mult, own.get('decay_mult', 1.0)) == (0.1, 0.0 if flat else 1.0), name


METHODS = ('tube_link', 'minvis', 'mask2former_vis')
WINDOWED = sorted(f'{method}/{path.stem}' for method in METHODS for path in (ROOT / method).glob('*.py'))


@pytest.mark.parametrize('name', WINDOWED)
def test_windows_of_model_and_data_agree(name):
    cfg = config(name)
    if cfg.model.type == 'MMDetVideoSegmentor':  # whole videos
        assert cfg.test_dataloader.sampler.window >= 36
        return
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        own = {key: value for key, value in loader.sampler.items() if key != 'type'}
        assert own == cfg.model.test_cfg


@pytest.mark.parametrize('name', STARTS)
def test_weights_of_coco_fit(name):
    """mmdet's names are translated; only what ``load_from_allow`` names starts anew, and all of COCO's is used."""
    cfg, source = config(name), COCO / f'{STARTS[name]}.py'
    assert STARTS[name].split('_')[1].split('-p4')[0] in cfg.load_from and cfg.load_from.endswith('.pth')
    assert ('coco-panoptic' in cfg.load_from) == source.stem.endswith('panoptic')
    weights = build_on_meta(Config.fromfile(source).model).state_dict()
    report = load_checkpoint_report(
        build_on_meta(cfg.model), weights, source=source.name, allow_reinit=cfg.load_from_allow
    )
    assert report.starved == [] and report.unexpected == []
    new = [*report.missing, *report.mismatched]
    for pattern in cfg.load_from_allow:
        assert any(fnmatchcase(parameter, f'{pattern}.*') for parameter in new), pattern
    assert all(any(fnmatchcase(x, f'{pattern}.*') for pattern in cfg.load_from_allow) for x in new)
