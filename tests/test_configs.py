"""Every config builds, trains and tests; the released configurations have exactly the released parameters."""

import ast
import copy
import functools
import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper

from tests.parity_data import parity_file, parity_names
from tests.reduced_models import build_on_meta, clip, clip_length, packed, reduce_model, structure, transforms_of
from tests.test_models.knet_parity import converter
from videoseg.registry import DATA_SAMPLERS, DATASETS, HOOKS, LOOPS, METRICS, MODELS, TRANSFORMS
from videoseg.utils.checkpoint_report import load_checkpoint_report

pytestmark = pytest.mark.usefixtures('default_scope')

ROOT = Path(__file__).parents[1]
# configs/ablation holds rows of trainings, no models
CONFIGS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in ROOT.glob('configs/*/*.py')
    if not {'_base_', 'ablation'} & set(path.parts)
)
DATASET_BASES = sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob('configs/_base_/datasets/*.py'))
STEPPED = {}  # structure of a model and its kinds of classes -> the config that was stepped for them
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


@functools.cache
def read_config(path):
    """Reading takes a tenth of a second; the tests leave what they get as it is."""
    return Config.fromfile(ROOT / path)


@functools.cache
def meta_model(path):
    """The model at full width, without memory for its parameters."""
    return build_on_meta(read_config(path).model)


def class_counts(model):
    """Things and stuff of our own models, and of wrapped ones."""
    owner = getattr(model, 'decoder', model)
    return owner.num_things, owner.num_stuff


def class_kinds(model):
    """Whether there are things, and whether there is stuff."""
    return tuple(count > 0 for count in class_counts(model))


def test_there_are_configs():
    assert len(CONFIGS) >= 6


@pytest.mark.parametrize('path', CONFIGS)
def test_model_builds(path):
    cfg = read_config(path)
    num_things, num_stuff = class_counts(meta_model(path))
    dataset = {**cfg.train_dataloader.dataset, 'lazy_init': True}
    metainfo = DATASETS.build(dataset).metainfo
    assert num_things == metainfo['num_things']
    # instance segmentation leaves out the stuff
    assert num_stuff in (0, len(metainfo['classes']) - metainfo['num_things'])


def test_what_makes_another_structure():
    """Numbers do not, parts and switches do; weights to start from are none of it."""
    knet, video = 'configs/knet/{}.py'.format, 'configs/video_knet/{}.py'.format
    model = {path: structure(read_config(path).model) for path in CONFIGS}
    assert model[knet('r50_coco_panoptic')] == model[knet('r101_coco_panoptic_3x')]
    assert model[video('swin-b_kitti_step')] == model[video('swin-l_kitti_step')]
    assert model[video('swin-l_kitti_step')] != model[video('swin-l_kitti_step_one_fc')]  # linking.update
    assert model[video('r50_kitti_step')] != model[video('r50_vipseg')]  # fusion
    assert model[knet('r50_coco_panoptic')] != model[knet('r50_coco_instance')]  # the postprocessor
    assert len(set(model.values())) < len(model)


@pytest.mark.slow
@pytest.mark.parametrize('path', CONFIGS)
def test_one_training_step_and_one_test_step(path):
    """At reduced width, of the first config of every structure and kind of classes; it stands for the others."""
    cfg = read_config(path)
    first = STEPPED.setdefault((structure(cfg.model), class_kinds(meta_model(path))), path)
    if first != path:
        return
    model = MODELS.build(reduce_model(cfg.model))
    assert sum(p.numel() for p in model.parameters()) < 8e6
    model.init_weights()
    classes = class_counts(model)
    check_training_step(model, cfg, [clip(seed, clip_length(cfg), *classes) for seed in (0, 1)])
    check_test_step(model, clip(2, 2, *classes), sum(classes))


def check_training_step(model, cfg, items):
    optim_wrapper = build_optim_wrapper(model, copy.deepcopy(cfg.optim_wrapper))
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    before = {name: p.detach().clone() for name, p in trained.items()}
    reached = set()
    for name, parameter in trained.items():
        parameter.register_post_accumulate_grad_hook(lambda _, name=name: reached.add(name))
    logged = model.train().train_step(packed(*items), optim_wrapper)
    assert 'loss' in logged and all(torch.isfinite(value).all() for value in logged.values()), logged
    assert all(torch.isfinite(p).all() for p in trained.values())
    # with several GPUs every parameter needs its share of the loss
    assert reached == set(trained) or cfg.get('find_unused_parameters'), sorted(set(trained) - reached)
    parts = {name.split('.')[0] for name, p in trained.items() if not torch.equal(p, before[name])}
    assert parts == {name.split('.')[0] for name in trained}


def check_test_step(model, item, num_classes):
    data = model.eval().data_preprocessor(packed(item), False)
    (result,) = model.predict(**data)
    assert len(result) == len(item['inputs'])
    for frame in result:
        rows = frame.pred_track_instances
        assert set(rows.labels.tolist()) <= set(range(num_classes)) and torch.isfinite(rows.scores).all()
        maps = frame.pred_panoptic_seg.panoptic_seg if 'pred_panoptic_seg' in frame else rows.masks  # may be none
        sizes = {tuple(rle['size']) for rle in maps} if isinstance(maps, list) else {tuple(maps.shape[-2:])}
        assert sizes <= {tuple(frame.ori_shape)}
    assert len(set(map(len, result.tracks.values()))) == 1


@pytest.mark.parametrize('path', CONFIGS)
def test_everything_named_is_registered(path):
    cfg = read_config(path)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert DATA_SAMPLERS.get(loader.sampler.type) is not None
        assert len(transforms_of(loader)) >= 2
        for transform in transforms_of(loader):
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
    model = meta_model(SCHEMAS[schema])
    own = {k: tuple(v.shape) for k, v in model.state_dict().items() if re.match(r'decoder\.|neck\.1\.', k)}
    assert own == converted


# ---------------------------------------------------------------- recipes

RECIPES = {  # specs/video_knet.md section 3: epochs, steps, passes an epoch, clips a GPU, frames a clip, drop path
    'knet/r50_coco_panoptic': (12, [8, 11], 1, 2, 1, None),
    'knet/r50_coco_instance': (12, [8, 11], 1, 2, 1, None),
    'knet/r101_coco_panoptic_3x': (12, [9, 11], 3, 2, 1, None),
    'knet/r101-dcn_coco_instance_3x': (12, [9, 11], 3, 2, 1, None),
    'knet/swin-l_coco_panoptic_3x': (12, [9, 11], 3, 2, 1, 0.2),
    'knet/r50_cityscapes_step': (8, [7], 8, 2, 1, None),
    'knet/swin-b_cityscapes_step': (8, [7], 8, 1, 1, 0.3),
    'knet/swin-l_cityscapes_step': (8, [7], 8, 1, 1, 0.2),
    'video_knet/r50_kitti_step': (12, [9, 11], 2, 1, 2, None),
    'video_knet/r50_kitti_step_released_8e': (8, [7], 2, 1, 2, None),
    'video_knet/swin-b_kitti_step': (12, [9, 11], 2, 1, 2, 0.3),
    'video_knet/swin-l_kitti_step': (12, [9, 11], 2, 1, 2, 0.2),
    'video_knet/r50_vipseg': (12, [9, 11], 1, 1, 2, None),
    'video_knet/swin-b_vipseg': (8, [7], 1, 1, 2, 0.3),
    'video_knet/r50_youtube_vis_2019': (12, [8, 11], 1, 2, 5, None),
    'video_knet/swin-b_youtube_vis_2021': (8, [7], 1, 1, 5, 0.3),
}


@pytest.mark.parametrize('name', RECIPES)
def test_published_recipes(name):
    cfg = read_config(f'configs/{name}.py')
    sampler, warm_up, steps = cfg.train_dataloader.sampler, *cfg.param_scheduler
    assert (cfg.optim_wrapper.optimizer.lr, cfg.optim_wrapper.optimizer.weight_decay) == (1e-4, 0.05)
    assert cfg.optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult == 0.25
    assert cfg.optim_wrapper.clip_grad.max_norm == 1.0 and warm_up.end == 1000 and warm_up.start_factor == 0.001
    assert cfg.train_cfg.max_epochs == steps.end and not sampler.get('infinite')
    frames, drop_path = clip_length(cfg), cfg.model.backbone.get('drop_path_rate')
    found = (steps.end, steps.milestones, sampler.get('repeat', 1), cfg.train_dataloader.batch_size, frames, drop_path)
    assert found == RECIPES[name]


@pytest.mark.parametrize(
    ('name', 'lr', 'side', 'drop_path'),
    [
        ('r50_ade20k_psp', 1e-4, 512, None),
        ('r50_ade20k_fcn', 1e-4, 512, None),
        ('r50_ade20k_deeplabv3', 1e-4, 512, None),
        ('r50_ade20k_upernet', 1e-4, 512, None),
        ('swin-t_ade20k_upernet', 6e-5, 512, 0.3),
        ('swin-l_ade20k_upernet', 6e-5, 512, 0.3),
        ('swin-l_ade20k_upernet_640', 6e-5, 640, 0.4),
    ],
)
def test_published_recipes_of_ade20k(name, lr, side, drop_path):
    """As mmseg publishes them: 80,000 iterations of 16 crops."""
    cfg = read_config(f'configs/knet/{name}.py')
    assert (cfg.train_cfg.max_iters, cfg.param_scheduler[1].milestones) == (80000, [60000, 72000])
    assert (cfg.optim_wrapper.optimizer.lr, cfg.optim_wrapper.optimizer.weight_decay) == (lr, 0.0005)
    decays = cfg.optim_wrapper.get('paramwise_cfg', {}).get('custom_keys', {})
    assert ('norm' in decays and 'relative_position_bias_table' in decays) == (drop_path is not None)
    assert (cfg.train_dataloader.batch_size, cfg.auto_scale_lr.base_batch_size) == (2, 16)
    assert cfg.model.backbone.get('drop_path_rate') == drop_path
    loading, crop = cfg.train_dataloader.dataset.pipeline[1:3]
    assert loading.transforms[2].scale == (2048, side) and crop.crop_size == (side, side)
    assert crop.max_class_share == 0.75 and loading.transforms[-1].type == 'mmseg.PhotoMetricDistortion'
    assert cfg.test_dataloader.dataset.pipeline[0].transforms[1].scale == (2048, side)


def listed_models():
    """Config -> entry of the metafiles."""
    files = [yaml.safe_load(path.read_text()) for path in sorted(ROOT.glob('configs/*/metafile.yml'))]
    return {entry['Config']: entry for file in files for entry in file['Models']}


def test_published_models_are_listed():
    """In metafile.yml and README.md; the small models of this project need not be."""
    entries = listed_models()
    assert set(entries) <= set(CONFIGS)
    published = [path for path in CONFIGS if 'effnet-lite0' not in path]
    assert set(published) <= set(entries)
    for path in published:
        name = Path(path).name
        assert f'[{name}]({name})' in (ROOT / path).with_name('README.md').read_text(), path


@pytest.mark.parametrize('path', CONFIGS)
def test_the_head_of_a_config_says_where_it_comes_from(path):
    """What it starts from; and of published models the authors' number, if there is one, and what was reproduced."""
    head = ast.get_docstring(ast.parse((ROOT / path).read_text()))
    told = ['Starts from:', *([] if 'effnet-lite0' in path else ['Published', 'Reproduced'])]
    assert [word for word in told if word not in head] == []


def test_model_zoo_names_every_method():
    page = (ROOT / 'docs/model_zoo.md').read_text()
    readmes = [path.relative_to(ROOT).as_posix() for path in ROOT.glob('configs/*/README.md')]
    assert readmes and [path for path in readmes if f'](../{path})' not in page] == []


STARTING_FROM_A_CONFIG = {
    path: entry['Metadata']['Starts From']
    for path, entry in listed_models().items()
    if entry['Metadata'].get('Starts From', '').startswith('configs/')
}


@pytest.mark.parametrize('path', STARTING_FROM_A_CONFIG)
def test_starting_weights_fit(path):
    """What the model before in the chain does not have is named in ``load_from_allow``, and nothing else is."""
    source, allowed = STARTING_FROM_A_CONFIG[path], read_config(path).get('load_from_allow', [])
    weights = meta_model(source).state_dict()
    report = load_checkpoint_report(meta_model(path), weights, source=source, allow_reinit=allowed)
    assert report.starved == []
    new = [*report.missing, *report.mismatched]
    assert not any(name.startswith(('backbone.', 'neck.')) for name in new)
    for pattern in allowed:
        assert any(fnmatchcase(name, f'{pattern}.*') for name in new), pattern
