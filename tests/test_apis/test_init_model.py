import sys

import pytest
import torch

from tests.test_engine.training_runs import make_project
from videoseg.apis import init_model
from videoseg.utils import CheckpointLoadError, CheckpointMismatchError, save_checkpoint_atomic


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, 'path', list(sys.path))
    return make_project(tmp_path / 'project')


def test_model_with_weights_and_metainfo(config, tmp_path):
    source = init_model(config)
    assert source.dataset_meta is None and not source.training
    meta = {'decoder': 'TinyDecoder', 'dataset_meta': {'classes': ('person', 'road', 'sky')}}
    save_checkpoint_atomic({'meta': meta, 'state_dict': source.state_dict()}, tmp_path / 'a.pth')
    model = init_model(config, tmp_path / 'a.pth')
    assert all(torch.equal(v, source.state_dict()[k]) for k, v in model.state_dict().items())
    assert model.dataset_meta == meta['dataset_meta'] and model.cfg.model.type == 'TinySegmentor'


def test_wrong_checkpoints(config, tmp_path):
    source = init_model(config)
    save_checkpoint_atomic({'meta': {'decoder': 'Other'}, 'state_dict': source.state_dict()}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointMismatchError, match='decoder Other, the model here has decoder TinyDecoder'):
        init_model(config, tmp_path / 'a.pth')
    with pytest.raises(CheckpointMismatchError, match='mismatched: decoder.fc_cls.weight'):
        init_model(config, tmp_path / 'a.pth', cfg_options={'model.decoder.num_classes': 4})
    (tmp_path / 'a.pth').write_text('oops')
    with pytest.raises(CheckpointLoadError, match=r'a\.pth'):
        init_model(config, tmp_path / 'a.pth')


def test_unknown_argument_is_located(config):
    with pytest.raises(TypeError, match=r'tiny\.py, key model\.decoder\.depth:'):
        init_model(config, cfg_options={'model.decoder.depth': 4})
