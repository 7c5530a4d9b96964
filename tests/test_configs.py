"""Every config builds; the released configurations have exactly the released parameters."""

import json
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope, init_default_scope

from tests.parity_data import parity_file, parity_names
from tests.test_models.knet_parity import converter
from videoseg.registry import DATA_SAMPLERS, DATASETS, HOOKS, LOOPS, METRICS, MODELS, TRANSFORMS

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob('configs/*/*.py') if '_base_' not in p.parts)
DATASET_BASES = sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob('configs/_base_/datasets/*.py'))
SCHEMAS = {
    'schema_knet_s3_r50_fpn.json': 'configs/knet/r50_cityscapes_step.py',
    'schema_knet_s3_r50_fpn_1x_coco.json': 'configs/knet/r50_coco_instance.py',
    'schema_knet_s3_r50_fpn_1x_coco-panoptic.json': 'configs/knet/r50_coco_panoptic.py',
    'schema_knet_track_r50_1x_youtubevis.json': 'configs/video_knet/r50_youtube_vis_2019.py',
    'schema_video_knet_s3_r50_rpn_1x_kitti_step_sigmoid_stride2_mask_embed_link_ffn_joint_train.json': (
        'configs/video_knet/r50_kitti_step_released.py'
    ),
    'schema_video_knet_s3_r50_rpn_vipseg_mask_embed_link_ffn_joint_train.json': 'configs/video_knet/r50_vipseg.py',
    'schema_video_knet_s3_swinb_rpn_1x_kitti_step_sigmoid_stride2_mask_embed_link_ffn_joint_update.json': (
        'configs/video_knet/swin-b_kitti_step.py'
    ),
}


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('videoseg')
    yield
    DefaultScope._instance_dict.clear()


def build_model(path):
    # mmdet's Swin reads numbers off tensors while it is built, which tensors without data do not have
    with torch.device('cpu' if 'swin' in path else 'meta'):
        return MODELS.build(Config.fromfile(ROOT / path).model)


def test_there_are_configs():
    assert len(CONFIGS) >= 6


@pytest.mark.parametrize('path', CONFIGS)
def test_model_builds(path):
    model = build_model(path)
    metainfo = DATASETS.get(Config.fromfile(ROOT / path).train_dataloader.dataset.type).METAINFO
    assert model.decoder.num_things == metainfo['num_things']
    # instance segmentation leaves out the stuff
    assert model.decoder.num_stuff in (0, len(metainfo['classes']) - metainfo['num_things'])


@pytest.mark.parametrize('path', CONFIGS)
def test_everything_named_is_registered(path):
    cfg = Config.fromfile(ROOT / path)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert DATA_SAMPLERS.get(loader.sampler.type) is not None
        for transform in loader.dataset.pipeline:
            assert TRANSFORMS.build(transform) is not None
    for metric in cfg.val_evaluator:
        assert METRICS.get(metric.type) is not None
    for hook in [*cfg.default_hooks.values(), *cfg.custom_hooks]:
        assert HOOKS.get(hook.type) is not None
    for loop in (cfg.train_cfg, cfg.val_cfg, cfg.test_cfg):
        assert LOOPS.get(loop.type) is not None


@pytest.mark.parametrize('path', DATASET_BASES)
def test_data_sets_of_the_bases(path, tmp_path):
    """Their arguments and pipelines are accepted; there are no data, so the first look at the disk says so."""
    cfg = Config.fromfile(ROOT / path)
    for name in ('train', 'val', 'test'):
        loader = cfg[f'{name}_dataloader']
        assert DATA_SAMPLERS.get(loader.sampler.type) is not None
        dataset = DATASETS.build(dict(loader.dataset, data_root=str(tmp_path), lazy_init=True))
        assert {'name', 'classes', 'num_things', 'raw_ids'} <= set(dataset.metainfo)
        assert dataset.test_mode == (name != 'train')
        with pytest.raises(FileNotFoundError, match=str(tmp_path)):
            dataset.full_init()
        for metric in cfg.get(f'{name}_evaluator', ()):
            assert METRICS.build(metric) is not None


@pytest.mark.parametrize('schema', parity_names('knet', list(SCHEMAS)))
def test_released_parameters(schema):
    released = json.loads(parity_file('knet', schema).read_text())
    converted = converter.convert_state_dict({k: tuple(v) for k, v in released.items()})
    model = build_model(SCHEMAS[schema])
    own = {k: tuple(v.shape) for k, v in model.state_dict().items() if re.match(r'decoder\.|neck\.1\.', k)}
    assert own == converted
