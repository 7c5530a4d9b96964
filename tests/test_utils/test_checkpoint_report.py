import copy

import pytest
import torch
from torch import nn

from videoseg.utils import CheckpointMismatchError, load_checkpoint_report


class _Decoder(nn.Module):
    def __init__(self, num_classes=3, extra=False):
        super().__init__()
        self.stages = nn.ModuleList(
            nn.ModuleDict({'fc_cls': nn.Linear(4, num_classes), 'mask': nn.Linear(4, 4)}) for _ in 'ab'
        )
        if extra:
            self.embedding_head = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))


class _Model(nn.Module):
    def __init__(self, **kwargs):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.decoder = _Decoder(**kwargs)


def _checkpoint(model, **meta):
    return {'meta': meta, 'state_dict': copy.deepcopy(model.state_dict())}


def test_everything_matches_also_with_a_wrapper_prefix():
    source, target = _Model(), _Model()
    checkpoint = _checkpoint(source)
    checkpoint['state_dict'] = {f'module.{k}': v for k, v in checkpoint['state_dict'].items()}
    report = load_checkpoint_report(target, checkpoint, source='a.pth', strict=True)
    assert report.is_complete and len(report.matched) == len(target.state_dict())
    assert all(torch.equal(v, source.state_dict()[k]) for k, v in target.state_dict().items())
    assert report.table().splitlines()[1].split() == ['backbone', '7', '0', '0', '0']


def test_class_count_stops_and_names_heads_and_shapes():
    with pytest.raises(CheckpointMismatchError) as error:
        load_checkpoint_report(_Model(num_classes=5), _checkpoint(_Model()), source='a.pth')
    message = str(error.value)
    assert message.startswith('a.pth does not fit')
    assert 'received nothing: decoder.stages.0.fc_cls, decoder.stages.1.fc_cls' in message
    assert 'decoder.stages.0.fc_cls.weight is (5, 4) in the model, (3, 4) in the checkpoint' in message
    row = next(line for line in message.splitlines() if line.startswith('decoder.stages'))
    assert row.split()[1:] == ['4', '0', '0', '4']


def test_new_module_stops_unless_allowed():
    source, target = _Model(), _Model(extra=True)
    with pytest.raises(
        CheckpointMismatchError, match=r"nothing: decoder\.embedding_head\n.*\['decoder\.embedding_head'\]"
    ):
        load_checkpoint_report(target, _checkpoint(source), source='a.pth')
    before = copy.deepcopy(target.decoder.embedding_head.state_dict())
    report = load_checkpoint_report(
        target, _checkpoint(source), source='a.pth', allow_reinit=['decoder.embedding_head']
    )
    assert len(report.missing) == 4 and not report.starved
    assert all(torch.equal(v, before[k]) for k, v in target.decoder.embedding_head.state_dict().items())
    assert torch.equal(target.backbone[0].weight, source.backbone[0].weight)
    load_checkpoint_report(
        _Model(num_classes=7), _checkpoint(source), source='a.pth', allow_reinit=['decoder.*.fc_cls']
    )
    with pytest.raises(CheckpointMismatchError):
        load_checkpoint_report(
            target, _checkpoint(source), source='a.pth', strict=True, allow_reinit=['decoder.embedding_head']
        )


def test_frozen_modules_may_stay_empty():
    target = _Model(extra=True)
    target.decoder.embedding_head.requires_grad_(False)
    assert not load_checkpoint_report(target, _checkpoint(_Model()), source='a.pth').starved


def test_another_model_altogether():
    with pytest.raises(CheckpointMismatchError, match='received nothing: backbone, decoder') as error:
        load_checkpoint_report(_Model(), {'net': torch.zeros(2)}, source='a.pth')
    assert 'unexpected: net' in str(error.value)


def test_strict_stops_at_unexpected_names():
    with pytest.raises(CheckpointMismatchError, match=r'unexpected: decoder\.embedding_head\.0\.weight'):
        load_checkpoint_report(_Model(), _checkpoint(_Model(extra=True)), source='a.pth', strict=True)
    load_checkpoint_report(_Model(), _checkpoint(_Model(extra=True)), source='a.pth')


def test_meta_of_another_decoder_or_classes():
    ours = {'decoder': 'KNetDecoder', 'classes': ('car', 'road', 'sky')}
    load_checkpoint_report(
        _Model(), _checkpoint(_Model(), decoder='KNetDecoder', classes=['car', 'road', 'sky']), source='a.pth',
        strict=True, expected_meta=ours,
    )  # fmt: skip
    checkpoint = _checkpoint(_Model(), decoder='TubeLinkDecoder', classes=['bus', 'road', 'sky'])
    with pytest.raises(
        CheckpointMismatchError, match='decoder TubeLinkDecoder, the model here has decoder KNetDecoder'
    ) as e:
        load_checkpoint_report(_Model(), checkpoint, source='a.pth', strict=True, expected_meta=ours)
    assert "classes ['bus', 'road', 'sky']" in str(e.value)
    assert len(load_checkpoint_report(_Model(), checkpoint, source='a.pth', expected_meta=ours).problems) == 2


def test_load_hooks_may_rename():
    target = _Model()

    def rename(state, *_):
        state['backbone.0.weight'] = state.pop('backbone.old')

    target._register_load_state_dict_pre_hook(rename)
    checkpoint = _checkpoint(_Model())
    checkpoint['state_dict']['backbone.old'] = checkpoint['state_dict'].pop('backbone.0.weight')
    report = load_checkpoint_report(target, checkpoint, source='a.pth', strict=True)
    assert report.is_complete
