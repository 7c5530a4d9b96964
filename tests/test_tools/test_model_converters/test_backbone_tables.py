"""Backbones: every name of ResNet and Swin in each code base's spelling, and what patch merging computes."""

import sys

import pytest
import torch
from mmdet.models import ResNet, SwinTransformer
from mmdet.models.backbones.swin import swin_converter
from mmdet.models.layers import PatchMerging
from mmengine.config import ConfigDict
from mmseg.models import SwinTransformer as MMSegSwin
from torch import nn

from tests.tool_module import load_tool
from videoseg.registry import MODELS

converter = load_tool('model_converters/convert_weights.py')
sources = sys.modules['weight_sources']
SWIN = dict(embed_dims=12, depths=(1, 2, 1, 1), num_heads=(1, 2, 2, 4), window_size=4)


def backbone(state_dict):
    """Converted; the names without the ``backbone.`` that every one has."""
    source = sources.recognise(state_dict)
    assert (source.kind, source.decoder, source.part) == ('backbone', None, 'backbone')
    out = converter.convert(state_dict, source.table)
    assert all(name.startswith('backbone.') for name in out.state_dict)
    out.state_dict = {name.removeprefix('backbone.'): value for name, value in out.state_dict.items()}
    return out


def original_swin(model):
    """The names and layout that Swin's authors use, filled with the parameters of mmdet's."""
    renamed = {}
    for name, value in model.state_dict().items():
        name = name.replace('stages.', 'layers.', 1).replace('attn.w_msa.', 'attn.')
        name = name.replace('ffn.layers.0.0.', 'mlp.fc1.').replace('ffn.layers.1.', 'mlp.fc2.')
        renamed[name.replace('patch_embed.projection.', 'patch_embed.proj.')] = value
    return renamed


def test_resnet_of_torchvision_mmdet_and_inside_a_detector():
    for model in (ResNet(50), ResNet(18), ResNet(50, deep_stem=True, avg_down=True)):
        own = model.state_dict()
        released = {**own, 'fc.weight': torch.zeros(1), 'fc.bias': torch.zeros(1)}
        out = backbone(released)
        assert out.state_dict.keys() == own.keys()
        assert list(out.dropped) == ['fc.weight', 'fc.bias']
        inside = {f'backbone.{k}': v for k, v in own.items()} | {'any_head.fc.weight': torch.zeros(1)}
        out = backbone(inside)
        assert out.state_dict.keys() == own.keys()
        assert out.dropped == {'any_head.fc.weight': 'not part of the backbone'}


def test_swin_of_mmdet_and_mmseg_keeps_its_names():
    model = SwinTransformer(**SWIN)
    for own in (model.state_dict(), MMSegSwin(**SWIN).state_dict()):
        out = backbone({f'backbone.{k}': v for k, v in own.items()})
        assert {k: v.shape for k, v in out.state_dict.items()} == {k: v.shape for k, v in model.state_dict().items()}
        assert all(torch.equal(out.state_dict[k], v) for k, v in own.items())


def test_swin_of_its_authors_as_mmdet_reads_it():
    torch.manual_seed(0)
    released = original_swin(SwinTransformer(**SWIN))
    released['layers.0.blocks.0.attn_mask'] = torch.zeros(1)
    released['head.weight'] = torch.zeros(1)
    out = backbone(released)
    assert set(out.dropped) == {'layers.0.blocks.0.attn_mask', 'head.weight'}
    for name in out.dropped:
        del released[name]
    theirs = {k.removeprefix('backbone.'): v for k, v in swin_converter(released).items()}
    assert out.state_dict.keys() == theirs.keys() == SwinTransformer(**SWIN).state_dict().keys()
    assert all(torch.equal(v, theirs[k]) for k, v in out.state_dict.items())


def test_patch_merging_computes_the_same():
    """The original joins the four neighbours (0,0), (1,0), (0,1), (1,1) one after the other."""
    torch.manual_seed(1)
    norm, reduction, image = nn.LayerNorm(20), nn.Linear(20, 10, bias=False), torch.randn(2, 6, 8, 5)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    joined = torch.cat([image[:, i::2, j::2] for j in (0, 1) for i in (0, 1)], dim=-1)
    expected = reduction(norm(joined)).flatten(1, 2)
    parts = dict(norm=norm, reduction=reduction)
    released = {f'layers.0.downsample.{part}.{k}': v for part, m in parts.items() for k, v in m.state_dict().items()}
    ours = PatchMerging(5, 10)
    prefix = 'stages.0.downsample.'
    ours.load_state_dict({k.removeprefix(prefix): v for k, v in backbone(released).state_dict.items()})
    actual, size = ours(image.flatten(1, 2), (6, 8))
    assert tuple(size) == (3, 4)
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize('kind', ['ResNet', 'SwinTransformer'])
def test_backbone_files_of_mmdet_and_mmseg_load_as_they_are(kind, tmp_path):
    """``init_cfg`` of a backbone takes a whole detector's file without conversion; and a converted one likewise."""
    source, arguments = (ResNet(18), dict(depth=18)) if kind == 'ResNet' else (MMSegSwin(**SWIN), SWIN)
    state = {k: torch.rand_like(v) if v.is_floating_point() else v for k, v in source.state_dict().items()}
    files = {}
    for name, weights in (('detector', state), ('converted', backbone(state).state_dict)):
        files[name] = tmp_path / f'{name}.pth'
        weights = {f'backbone.{k}': v for k, v in weights.items()}
        torch.save(dict(meta=dict(mmdet_version='2.18.0'), state_dict={**weights, 'decode_head.x': torch.zeros(1)}),
                   files[name])  # fmt: skip
    for file in files.values():
        init_cfg = ConfigDict(type='Pretrained', checkpoint=str(file), prefix='backbone.')
        model = MODELS.build(dict(type=kind, init_cfg=init_cfg, **arguments))
        model.init_weights()
        assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize('name', ['layer1.0.conv4.weight', 'backbone.stages.0.blocks.0.attn.q.weight'])
def test_unknown_parts_of_a_backbone_are_refused(name):
    known = 'backbone.conv1.weight' if name.startswith('backbone.') else 'conv1.weight'
    with pytest.raises(ValueError, match=name):
        backbone({known: torch.zeros(1), name: torch.zeros(1)})
