"""Names of Tube-Link: every recorded schema of the released configurations fills the model of our config."""

import gzip
import json
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from tests.parity_data import parity_file, parity_names
from tests.reduced_models import build_on_meta
from tests.tool_module import load_tool

CONFIGS = Path(__file__).parents[3] / 'configs/tube_link'
converter = load_tool('model_converters/convert_weights.py')
tables = sys.modules['tube_link_tables']
sources = sys.modules['weight_sources']


SCHEMAS = {
    'vipseg/vipseg_tb_r50_8e.py': 'r50_vipseg.py',
    'vipseg/vipseg_tb_swinb_6e.py': 'swin-b_vipseg.py',
    'vipseg/vipseg_tb_swinl_6e.py': 'swin-l_vipseg.py',
    'vipseg/vipseg_tb_stdcv1_8e.py': 'stdc1_vipseg.py',
    'vipseg/vipseg_tb_stdcv2_8e.py': 'stdc2_vipseg.py',
    'vipseg_vss/video_swin_l_train_2frames_vspw_test_2frames.py': 'swin-l_vspw_2frames.py',
    'vspw/video_r50_train_4frames_vspw_test_6frames.py': 'r50_vspw.py',
    'vspw/video_swin_l_train_6frames_6e_test_6frames_f3.py': 'swin-l_vspw.py',
    'ytvis19/ytvis19_r50_tb_link_5k_10k_15k.py': 'r50_youtube_vis_2019.py',
    'ytvis19/ytvis19_swin_l_tb_link_2_5k_5k_10k.py': 'swin-l_youtube_vis_2019.py',
    'ytvis21/ytvis21_r50_tb_link_5k_10k_15k.py': 'r50_youtube_vis_2021.py',
    'ovis/ovis_r50_tb_link_2_5k_5k_10k.py': 'r50_ovis.py',
}
RECORDED = [schema for _ in parity_names('tube_link', ['keys.json.gz']) for schema in SCHEMAS]


def schemas():
    with gzip.open(parity_file('tube_link', 'keys.json.gz')) as file:
        return json.load(file)


@pytest.mark.parametrize('schema', RECORDED)
def test_recorded_schema_fills_the_model_of_the_config(schema):
    cfg = Config.fromfile(CONFIGS / SCHEMAS[schema]).model
    released = {name: torch.empty(shape, device='meta') for name, shape in schemas()[schema].items()}
    source = sources.recognise(released)
    assert (source.kind, source.decoder, source.part) == ('tube_link', 'TubeLinkDecoder', '')
    out = converter.convert(released, source.table, schema)
    vps = schema.startswith('vipseg/')
    assert tables.tube_link_facts(out.state_dict) == dict(
        num_queries=cfg.decoder.num_queries,
        num_classes=cfg.decoder.num_things + cfg.decoder.num_stuff,
        with_link=vps,
        with_association=vps,
    )
    assert not out.dropped
    expected = {name: value.shape for name, value in build_on_meta(cfg).state_dict().items()}
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
