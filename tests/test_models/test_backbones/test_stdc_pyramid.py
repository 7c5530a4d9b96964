"""STDC: the recorded outputs of the original at all four strides, its released names, and mmseg's own files."""

import sys

import pytest
import torch
from mmengine.config import ConfigDict

from tests.parity_data import parity_file, parity_names
from tests.test_models.knet_parity import assert_close, load_module
from tests.tool_module import load_tool
from videoseg.models.backbones import STDCPyramid
from videoseg.registry import MODELS

converter = load_tool('model_converters/convert_weights.py')
recognise = sys.modules['weight_sources'].recognise

TYPES = {'STDCNet813': 'STDCNet1', 'STDCNet1446': 'STDCNet2'}


@pytest.mark.parametrize(
    ('recorded', 'name'), [(name, 'stdc.pt') for _ in parity_names('tube_link', ['stdc.pt']) for name in TYPES]
)
def test_recorded_outputs_with_released_names(recorded, name):
    data = torch.load(parity_file('tube_link', name), weights_only=True)
    weights, outs = data[recorded]['state_dict'], data[recorded]['outs']
    source = recognise(weights)
    assert (source.kind, source.part) == ('backbone', 'backbone')
    converted = converter.convert(weights, source.table)
    assert not converted.dropped and len(converted.state_dict) == len(weights)
    model = STDCPyramid(TYPES[recorded], base_channels=16)
    load_module(model, {k.removeprefix('backbone.'): v.float() for k, v in converted.state_dict.items()})
    maps = model(data['input'])
    assert len(maps) == 4
    for found, expected in zip(maps, outs, strict=True):
        assert_close(found, expected)


@pytest.mark.parametrize(('stdc_type', 'blocks'), [('STDCNet1', [2, 2, 2]), ('STDCNet2', [4, 5, 3])])
def test_a_config_gives_four_maps(stdc_type, blocks):
    model = MODELS.build(dict(type='STDCPyramid', stdc_type=stdc_type))
    assert [len(stage) for stage in model.stages[2:]] == blocks
    maps = model(torch.rand(1, 3, 64, 96))
    assert [tuple(x.shape) for x in maps] == [(1, 64, 16, 24), (1, 256, 8, 12), (1, 512, 4, 6), (1, 1024, 2, 3)]


def test_mmsegs_file_loads_as_it_is(tmp_path):
    """Into the same network, whose three maps are then the last three of ours."""
    torch.manual_seed(0)
    theirs = MODELS.build(
        dict(
            type='STDCNet',
            _scope_='mmseg',
            stdc_type='STDCNet1',
            in_channels=3,
            channels=(4, 8, 32, 64, 128),
            bottleneck_type='cat',
            norm_cfg=dict(type='BN'),
            act_cfg=dict(type='ReLU'),
        )
    ).eval()
    file = tmp_path / 'stdc.pth'
    torch.save(dict(state_dict=theirs.state_dict(), meta=dict()), file)
    init_cfg = ConfigDict(type='Pretrained', checkpoint=str(file))
    ours = MODELS.build(dict(type='STDCPyramid', base_channels=8, init_cfg=init_cfg)).eval()
    ours.init_weights()
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        for found, expected in zip(ours(image)[1:], theirs(image), strict=True):
            assert torch.equal(found, expected)


def test_wrong_arguments_name_the_choice():
    with pytest.raises(ValueError, match="one of STDCNet1, STDCNet2, got 'STDC1'"):
        STDCPyramid('STDC1')
    with pytest.raises(ValueError, match='base_channels must be even'):
        STDCPyramid(base_channels=15)
