"""Trackers and necks of K-Net and Video K-Net, exchanged by ``--cfg-options`` alone: every cell trains and tests.

The options go through the parsers of the tools; both tools run in this process.
"""

import argparse
import math
import re
import shlex
from pathlib import Path

import pytest
import torch
from mmengine.config import Config, DictAction

from tests.test_end_to_end.project import ROOT, tool_config, write_dataset
from videoseg.engine.video_seg_runner import build_runner
from videoseg.registry import MODELS
from videoseg.utils.config import load_config

# The parts of the quickstart, narrow, with every segment kept: an untrained model has no confident ones.
CONFIG = """
_base_ = [
    '{root}/configs/_base_/default_runtime.py',
    '{root}/configs/_base_/datasets/synthetic_step.py',
    '{root}/configs/_base_/models/{model}_effnet_lite0.py',
]
model = dict(
    backbone=dict(init_cfg=None),
    neck=[
        dict(type='FPN', in_channels=[24, 40, 112, 320], out_channels=32, num_outs=4),
        dict(type='SemanticFPN', in_channels=32, feat_channels=32, out_channels=32),
    ],
    decoder=dict(
        num_proposals=8,
        in_channels=32,
        num_stages=2,
        update_head=dict(feedforward_channels=64, prior_probability=0.5),
    ),
    postprocessor=dict(instance_score_thr=0.0, overlap_thr=0.0),
)
train_pipeline = [
    dict(type='ClipSample', offsets=(-1, 1), num_refs=1),
    dict(type='TransformBroadcaster', transforms=[dict(type='LoadImageFromFile'), dict(type='LoadPanopticMap')]),
    dict(type='PackClipInputs'),
]
train_dataloader = dict(batch_size=1, dataset=dict(data_root='{data}', pipeline=train_pipeline, serialize_data=False))
val_dataloader = val_evaluator = val_cfg = None
test_dataloader = dict(dataset=dict(data_root='{data}', serialize_data=False))
test_evaluator = [dict(type='STQMetric'), dict(type='VPQMetric')]
train_cfg = dict(type='ResumableIterLoop', max_iters=1)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3))
default_hooks = dict(checkpoint=dict(interval=1, save_best=None), logger=dict(interval=1))
log_level = 'WARNING'
visualizer = dict(type='Visualizer', vis_backends=[])
"""
DECODERS = ['knet', 'video_knet']
NECKS = {
    'SemanticFPN': [],
    'DeformablePixelDecoder': [
        'model.neck._delete_=True',
        'model.neck.type=DeformablePixelDecoder',
        'model.neck.in_channels=[24,40,112,320]',
        'model.neck.feat_channels=32',
        'model.neck.out_channels=32',
        'model.neck.num_layers=1',
        'model.neck.num_heads=4',
        'model.neck.num_groups=8',
        'model.neck.feedforward_channels=64',
    ],
}
TRACKERS = {
    'QuasiDenseEmbeddingTracker': ['model.tracker.init_score_thr=0', 'model.tracker.obj_score_thr=0'],
    'MaskIoUTracker': [],
    'QueryMatchingTracker': [],
    'KernelIndexTracker': [],
}


@pytest.fixture(scope='module')
def project(tmp_path_factory) -> Path:
    """Folder with data and one config a model; the configs never change."""
    folder = tmp_path_factory.mktemp('swap_grid')
    data = write_dataset(folder / 'data', frames=2)
    for model in DECODERS:
        folder.joinpath(f'{model}.py').write_text(CONFIG.format(root=ROOT, data=data, model=model))
    return folder


@pytest.fixture(autouse=True)
def plain_config_text(monkeypatch):
    """Laying out the config for log and checkpoint would cost more than the cell itself."""
    monkeypatch.setattr(Config, 'pretty_text', property(repr))


def runner_of(tool, monkeypatch, *args):
    """The runner that a tool would build for a command line."""
    return build_runner(tool_config(tool, monkeypatch, *args))


def record(owner, name, monkeypatch):
    """Keep what a method returns."""
    method, returned = getattr(owner, name), []

    def wrapped(*args, **kwargs):
        returned.append(method(*args, **kwargs))
        return returned[-1]

    monkeypatch.setattr(owner, name, wrapped)
    return returned


@pytest.mark.slow
@pytest.mark.parametrize('tracker', TRACKERS)
@pytest.mark.parametrize('neck', NECKS)
@pytest.mark.parametrize('model', DECODERS)
def test_cell_trains_and_tests(model, neck, tracker, project, tmp_path, monkeypatch):
    options = ['--work-dir', tmp_path, '--cfg-options', f'model.tracker.type={tracker}', *TRACKERS[tracker]]
    options += NECKS[neck]
    trained = runner_of('train', monkeypatch, project / f'{model}.py', *options)
    before = {name: p.detach().clone() for name, p in trained.model.named_parameters()}
    steps = record(trained.model, 'train_step', monkeypatch)
    trained.train()
    assert len(steps) == 1 and all(math.isfinite(value.item()) for value in steps[0].values())
    changed = {name.split('.')[0] for name, p in trained.model.named_parameters() if not torch.equal(p, before[name])}
    assert changed == {'backbone', 'neck', 'decoder'}

    tested = runner_of('test', monkeypatch, project / f'{model}.py', tmp_path / 'iter_1.pth', *options)
    parts = type(tested.model.neck[-1]).__name__, type(tested.model.tracker).__name__
    assert parts == (neck, tracker)
    windows = record(tested.model.tracker, 'associate', monkeypatch)
    numbers = tested.test()
    assert len(windows) == 2 * 2 and max(int(ids.max()) for ids, _ in windows) > 0
    assert 0 <= numbers['stq/STQ'] <= 1 and 0 <= numbers['vpq/VPQ'] <= 1


def documented_options(title):
    """What follows ``--cfg-options`` in the commands of a README's section, with the shell's variables filled in."""
    section = (ROOT / 'configs/video_knet/README.md').read_text().split(title + '\n')[1].split('\n## ')[0]
    block = re.search(r'```bash\n(.*?)```', section, re.S)[1].replace('\\\n', ' ')
    values = dict(re.findall(r'^(\w+)="?([^"\n]+(?:\n +[^"\n]+)*)"?$', block, re.M))
    lines = re.findall(r'^python tools/(\w+)\.py (.*)$', block, re.M)
    return [(tool, shlex.split(re.sub(r'\$(\w+)', lambda name: values[name[1]], line))) for tool, line in lines]


def test_documented_options_build():
    commands = documented_options('## Swapping parts')
    assert [tool for tool, _ in commands] == ['train', 'test']
    for tool, words in commands:
        parser = argparse.ArgumentParser()
        parser.add_argument('--cfg-options', nargs='+', action=DictAction)
        options = parser.parse_args(words[words.index('--cfg-options') :]).cfg_options
        model = MODELS.build(load_config(ROOT / words[0], options).model)
        assert [type(neck).__name__ for neck in model.neck] == ['DeformablePixelDecoder']
        expected = dict(train='QuasiDenseEmbeddingTracker', test='QueryMatchingTracker')[tool]
        assert type(model.tracker).__name__ == expected
