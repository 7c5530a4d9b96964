"""Names of Tube-Link: every recorded schema of the released configurations has its place in our model, and fills it."""

import gzip
import json
import sys

import pytest
import torch

from tests.parity_data import parity_file, parity_names
from tests.tool_module import load_tool
from videoseg.registry import MODELS

converter = load_tool('model_converters/convert_weights.py')
tables = sys.modules['tube_link_tables']
sources = sys.modules['weight_sources']


def swin(embed_dims, *num_heads):
    depths = (2, 2, 18, 2)
    return dict(type='SwinTransformer', embed_dims=embed_dims, depths=depths, num_heads=num_heads, window_size=12)


# backbone, its channels, number of queries, of classes
RESNET = (dict(type='ResNet', depth=50), (256, 512, 1024, 2048))
SWIN_B = (swin(128, 4, 8, 16, 32), (128, 256, 512, 1024))
SWIN_L = (swin(192, 6, 12, 24, 48), (192, 384, 768, 1536))
STDC1, STDC2 = ((dict(type='STDCPyramid', stdc_type=f'STDCNet{i}'), (64, 256, 512, 1024)) for i in (1, 2))
SCHEMAS = {
    'vipseg/vipseg_tb_r50_8e.py': (*RESNET, 100, 124),
    'vipseg/vipseg_tb_swinb_6e.py': (*SWIN_B, 100, 124),
    'vipseg/vipseg_tb_swinl_6e.py': (*SWIN_L, 200, 124),
    'vipseg/vipseg_tb_stdcv1_8e.py': (*STDC1, 100, 124),
    'vipseg/vipseg_tb_stdcv2_8e.py': (*STDC2, 100, 124),
    'vipseg_vss/video_swin_l_train_2frames_vspw_test_2frames.py': (*SWIN_L, 200, 124),
    'vspw/video_r50_train_4frames_vspw_test_6frames.py': (*RESNET, 100, 124),
    'vspw/video_swin_l_train_6frames_6e_test_6frames_f3.py': (*SWIN_L, 200, 124),
    'ytvis19/ytvis19_r50_tb_link_5k_10k_15k.py': (*RESNET, 100, 40),
    'ytvis19/ytvis19_swin_l_tb_link_2_5k_5k_10k.py': (*SWIN_L, 100, 40),
    'ytvis21/ytvis21_r50_tb_link_5k_10k_15k.py': (*RESNET, 100, 40),
    'ovis/ovis_r50_tb_link_2_5k_5k_10k.py': (*RESNET, 100, 25),
}
RECORDED = [schema for _ in parity_names('tube_link', ['keys.json.gz']) for schema in SCHEMAS]


def schemas():
    with gzip.open(parity_file('tube_link', 'keys.json.gz')) as file:
        return json.load(file)


def tube_link(backbone, channels, num_queries, num_things, num_stuff, vps):
    """Our model on the meta device."""
    decoder = dict(type='TubeLinkDecoder', num_things=num_things, num_stuff=num_stuff, num_queries=num_queries)
    if vps:
        decoder.update(stuff_slots=True, link=dict(), association=dict())
    neck = dict(type='DeformablePixelDecoder', in_channels=channels, semantic_head=False)
    with torch.device('meta'):
        return MODELS.build(dict(type='VideoSegmentor', backbone=backbone, neck=neck, decoder=decoder))


@pytest.mark.parametrize('schema', RECORDED)
def test_recorded_schema_fills_our_model(schema, monkeypatch):
    linspace = torch.linspace  # mmdet's Swin reads its drop rates from one, which has no numbers on the meta device
    monkeypatch.setattr(torch, 'linspace', lambda *args, **kwargs: linspace(*args, **{**kwargs, 'device': 'cpu'}))
    backbone, channels, num_queries, num_classes = SCHEMAS[schema]
    released = {name: torch.empty(shape, device='meta') for name, shape in schemas()[schema].items()}
    source = sources.recognise(released)
    assert (source.kind, source.decoder, source.part) == ('tube_link', 'TubeLinkDecoder', '')
    out = converter.convert(released, source.table, schema)
    vps = schema.startswith('vipseg/')
    assert tables.tube_link_facts(out.state_dict) == dict(
        num_queries=num_queries, num_classes=num_classes, with_link=vps, with_association=vps
    )
    num_things = 58 if vps else num_classes
    model = tube_link(backbone, channels, num_queries, num_things, num_classes - num_things, vps)
    assert not out.dropped
    expected = {name: value.shape for name, value in model.state_dict().items()}
    assert {name: value.shape for name, value in out.state_dict.items()} == expected


@pytest.mark.parametrize('name', parity_names('tube_link', ['keys.json.gz']))
def test_every_recorded_schema_is_listed(name):
    assert set(schemas()) == set(SCHEMAS)


@pytest.mark.parametrize(
    'name',
    [
        'panoptic_head.pixel_decoder.encoder.layers.0.attentions.1.value_proj.weight',  # no second attention there
        'panoptic_head.transformer_decoder.layers.0.attentions.2.attn.in_proj_bias',
        'panoptic_head.semantic_head.weight',  # the dense semantic loss that no released configuration has
        'attention_previous_track.attn.gamma',
        'backbone.x8.0.11.avd_layer.0.weight',  # block of another stage
    ],
)
def test_unknown_parts_are_refused(name):
    released = {'panoptic_head.query_feat.weight': torch.zeros(3, 4), name: torch.zeros(1)}
    with pytest.raises(ValueError, match=f'1 of 2 parameters are in no rule:\n    {name}'):
        converter.convert(released, sources.recognise(released).table)


def test_incomplete_file_is_refused():
    with pytest.raises(ValueError, match=r'no complete Mask2Former or Tube-Link: it lacks decoder.cls_embed.weight$'):
        tables.tube_link_facts({'decoder.query_feat.weight': torch.zeros(3, 4)})
