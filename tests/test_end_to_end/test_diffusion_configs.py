"""Shipped configs of the diffusion decoder through the tools, narrow: videos, panoptic images, class-agnostic objects.

The data sets and their pictures are tiny; data set, pipelines, decoder, read-out, metrics and hooks are those of the
config.
"""

from collections import Counter

import cv2
import pytest
import torch
from mmengine.config import Config

from tests.reduced_models import reduce_model, reduce_pictures
from tests.test_datasets.listed_files import write_davis
from tests.test_datasets.panoptic_files import METAINFO, write_images
from tests.test_end_to_end.project import ROOT, tool_config, write_dataset
from videoseg.engine.video_seg_runner import build_runner
from videoseg.structures.ids import DIVISOR, VOID_LABEL
from videoseg.utils.errors import CheckpointMismatchError

pytestmark = pytest.mark.slow

SIZE = (64, 32)  # (w, h) that pipelines scale to
LOADERS = ('train_dataloader', 'test_dataloader')


def step_data(root):
    write_dataset(root, frames=3)
    return [{}, {}]


def davis_data(root):
    for split, videos in (('train', {'dog': 3}), ('val', {'bear': 3, 'cow': 2})):
        write_davis(root, videos, split)
    return [{}, {}]


def coco_data(root):
    write_images(root, [3, 5, 8])
    files = dict(ann_file='gt.json', data_prefix=dict(img='img', seg='png'), metainfo=METAINFO)
    return [dict(files, type='PanopticImageDataset')] * 2


PROJECTS = {  # config: data, changes of the model, a metric, videos
    'effnet-lite0_synthetic_quickstart': (step_data, {}, 'stq/STQ', {'0000': 3, '0001': 3}),
    'r50_davis': (davis_data, {}, 'jf/J&F', {'bear': 3, 'cow': 2}),
    'r50_coco_panoptic_512': (coco_data, dict(num_things=2, num_stuff=2), 'pq/PQ', {'3': 1, '5': 1, '8': 1}),
}


@pytest.fixture(autouse=True)
def plain_config_text(monkeypatch):
    """Laying out the config for log and checkpoint would cost more than the rest."""
    monkeypatch.setattr(Config, 'pretty_text', property(repr))


def shrink(cfg, root, changes, decoder):
    """Narrow model, small pictures, data below ``root``, one iteration."""
    cfg.model = reduce_model(cfg.model)
    cfg.model.decoder.update(dict(steps_first=2, steps_later=1, **decoder))
    cfg.model.postprocessor.segment_decoder.min_pixels = 0
    for name, change in zip(LOADERS, changes, strict=True):
        loader = cfg[name]
        loader.update(num_workers=0, persistent_workers=False)
        if name == 'train_dataloader':
            loader.batch_size = 2
        for key, value in dict(change, data_root=str(root), serialize_data=False).items():
            loader.dataset[key] = value
        reduce_pictures(loader, SIZE)
    cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
    cfg.train_cfg = dict(type='ResumableIterLoop', max_iters=1)
    cfg.param_scheduler = []
    cfg.default_hooks.checkpoint = dict(type='SafeCheckpointHook', by_epoch=False, interval=1)
    cfg.log_level, cfg.visualizer = 'WARNING', dict(type='Visualizer', vis_backends=[])
    return cfg


class Project:
    """A config and its data; the checkpoint after one iteration is ``weights``."""

    def __init__(self, name, folder, monkeypatch):
        self.config, self.folder, self.monkeypatch = ROOT / f'configs/diffusion/{name}.py', folder, monkeypatch
        make_data, self.decoder, self.metric, self.videos = PROJECTS[name]
        self.changes = make_data(folder / 'data')
        self.weights = folder / 'work' / 'iter_1.pth'

    def runner(self, tool, *args, **decoder):
        args = (self.config, *args, '--work-dir', self.folder / 'work')
        cfg = tool_config(tool, self.monkeypatch, *args)
        return build_runner(shrink(cfg, self.folder / 'data', self.changes, {**self.decoder, **decoder}))


@pytest.mark.parametrize('name', PROJECTS)
def test_trains_tests_and_draws(name, tmp_path, monkeypatch):
    project = Project(name, tmp_path, monkeypatch)
    trained = project.runner('train')
    trained.train()
    assert torch.isfinite(torch.tensor(trained.message_hub.get_scalar('train/loss').current()))

    tested = project.runner('test', project.weights, '--show-dir', tmp_path / 'show')
    emitted, step = [], type(tested.model).step_batch

    def recorded(*args):
        emitted.append(step(*args))
        return emitted[-1]

    monkeypatch.setattr(type(tested.model), 'step_batch', recorded)
    numbers = tested.test()
    assert 0 <= numbers[project.metric] <= 1
    frames = [frame for results, _ in emitted for clip in results for frame in clip]
    found = {label for frame in frames for label in (frame.pred_panoptic_seg.panoptic_seg // DIVISOR).unique().tolist()}
    decoder = tested.model.decoder
    assert found - {VOID_LABEL} and found <= {*range(decoder.num_things + decoder.num_stuff), VOID_LABEL}
    drawn = sorted((tmp_path / 'show').rglob('*.jpg'))
    assert len(drawn) == len(frames) and all(cv2.imread(str(path)).std() > 0 for path in drawn)
    assert Counter(path.parent.name for path in drawn) == project.videos


def test_weights_of_another_code_book(tmp_path, monkeypatch):
    """Also where all weights would fit: three bits for classes and five for identities, or the other way round."""
    project = Project('effnet-lite0_synthetic_quickstart', tmp_path, monkeypatch)
    project.runner('train', codec=dict(num_class_bits=3, num_id_bits=5, scale=0.3)).train()
    codec = dict(num_class_bits=5, num_id_bits=3, scale=0.3)
    with pytest.raises(CheckpointMismatchError) as raised:
        project.runner('test', project.weights, codec=codec).test()
    message = str(raised.value)
    assert str(project.weights) in message and 'Use the config that this checkpoint was trained with' in message
    assert 'made with code_book num_class_bits=3, num_id_bits=5, scale=0.3, identities=things, the model ' in message
    assert 'the model here has code_book num_class_bits=5, num_id_bits=3, scale=0.3' in message
    assert 'mismatched:' not in message
    codec = dict(num_class_bits=4, num_id_bits=5, scale=0.3)
    with pytest.raises(CheckpointMismatchError) as raised:
        project.runner('test', project.weights, codec=codec).test()
    message = str(raised.value)
    assert 'made with code_book num_class_bits=3' in message and 'here has code_book num_class_bits=4' in message
    assert 'mismatched: decoder.denoiser.conv_in.weight is' in message
    # resuming, where the hook of the averaged weights reads first
    resumed = tool_config('train', monkeypatch, project.config, '--work-dir', tmp_path / 'work', '--resume')
    resumed = build_runner(shrink(resumed, tmp_path / 'data', project.changes, dict(codec=codec)))
    with pytest.raises(CheckpointMismatchError, match='made with code_book num_class_bits=3'):
        resumed.train()
