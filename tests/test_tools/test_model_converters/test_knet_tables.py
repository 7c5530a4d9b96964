"""Every released parameter has a place, also those of variants without a release.

The recorded names against the models of the configs: tests/test_configs.py.
"""

import copy
import json
import re
import sys

import pytest
import torch
from mmdet.models import ResNet

from tests.parity_data import parity_file, parity_names
from tests.tool_module import load_tool
from videoseg.models.decoders import ClipKNetDecoder, KernelUpdateHead, SemanticKNetDecoder
from videoseg.registry import MODELS

converter = load_tool('model_converters/convert_weights.py')
tables = sys.modules['knet_tables']
sources = sys.modules['weight_sources']

SCHEMAS = {
    'schema_knet_s3_r50_fpn.json': 'KNetDecoder',
    'schema_knet_s3_r50_fpn_1x_coco.json': 'KNetDecoder',
    'schema_knet_s3_r50_fpn_1x_coco-panoptic.json': 'KNetDecoder',
    'schema_video_knet_s3_r50_rpn_1x_kitti_step_sigmoid_stride2_mask_embed_link_ffn_joint_train.json': (
        'VideoKNetDecoder'
    ),
    'schema_video_knet_s3_r50_rpn_vipseg_mask_embed_link_ffn_joint_train.json': 'VideoKNetDecoder',
    'schema_video_knet_s3_swinb_rpn_1x_kitti_step_sigmoid_stride2_mask_embed_link_ffn_joint_update.json': (
        'VideoKNetDecoder'
    ),
    'schema_knet_track_r50_1x_youtubevis.json': 'ClipKNetDecoder',
}


def released(schema):
    return {name: tuple(shape) for name, shape in json.loads(parity_file('knet', schema).read_text()).items()}


def shapes(module, prefix=''):
    return {prefix + name: tuple(value.shape) for name, value in module.state_dict().items()}


def test_every_recorded_schema_is_listed():
    folder = parity_file('knet', parity_names('knet', list(SCHEMAS))[0]).parent
    assert {path.name for path in folder.glob('schema_*.json')} <= set(SCHEMAS)


@pytest.mark.parametrize('schema', parity_names('knet', list(SCHEMAS)))
def test_recognised_and_only_unused_linking_is_left_out(schema):
    names = released(schema)
    source = sources.recognise(names)
    assert (source.kind, source.decoder, source.part) == ('knet', SCHEMAS[schema], '')
    out = converter.convert(names, source.table, schema)
    linking = [n for n in names if re.match(r'roi_head\.mask_head\.[01]\.(attention_previous|link_ffn)', n)]
    assert list(out.dropped) == linking
    assert bool(linking) == (SCHEMAS[schema] == 'VideoKNetDecoder')
    assert len(out.state_dict) == len(names) - len(linking)


@pytest.mark.parametrize('fusion', ['attention', 'attention_pos'])
def test_attention_fusion_of_the_clip_model(fusion):
    """Not recorded; names of ``specs/video_knet.md`` section 4."""
    with torch.device('meta'):
        decoder = ClipKNetDecoder(num_things=3, num_proposals=7, in_channels=32, query_fusion=fusion)
    old = {'attention.': 'query_merge_attn.', 'attention_norm.': 'query_merge_norm.', 'ffn.': 'query_merge_ffn.',
           'ffn_norm.': 'query_merge_ffn_norm.'}  # fmt: skip
    names = {}
    for name, shape in shapes(decoder).items():
        name = re.sub(r'query_fusion\.(attention_norm\.|attention\.|ffn_norm\.|ffn\.)', lambda m: old[m[1]], name)
        name = re.sub(r'^(clip_stages|query_merge|init_query|query_pos)', r'tracker.\1', name)
        name = name.replace('tracker.clip_stages', 'tracker.mask_head').replace('proposal_head', 'rpn_head')
        names[re.sub(r'^stages', 'roi_head.mask_head', name)] = shape
    assert ('tracker.query_pos.weight' in names) == (fusion == 'attention_pos')
    assert 'tracker.mask_head.1.query_merge_norm.weight' in names
    assert converter.convert_state_dict(names) == shapes(decoder, 'decoder.')


@pytest.mark.parametrize(
    'updator',
    ['KernelUpdator', 'KernelUpdatorMLP', 'KernelUpdatorConcatenate', 'KernelUpdatorSkip'],
)
def test_leaf_names_of_a_stage_are_ours(updator):
    """The updators' names are checked with their recordings; here that the table lets the MLP's extra level pass."""
    with torch.device('meta'):
        own = shapes(KernelUpdateHead(5, 32, feedforward_channels=64))
    if updator == 'KernelUpdatorMLP':
        linear = r'(kernel_update_conv\.(?:\w+_layer|\w+_gate))\.(weight|bias)'
        own = {re.sub(linear, rf'\1.fc{i}.\2', name): shape for i in (1, 2) for name, shape in own.items()}
    assert converter.convert_stage(own) == own


def test_link_stages_choose_what_is_kept():
    names = {f'roi_head.mask_head.{s}.link_ffn_norm_link.{p}': s for s in range(3) for p in ('weight', 'bias')}
    names['embed_fcs.0.weight'] = 3
    for stages in ((), (0,), (0, 2)):
        out = converter.convert(names, tables.knet_table(stages))
        kept = {f'decoder.stages.{s}.fusion.ffn_norm.{p}': s for s in stages for p in ('weight', 'bias')}
        assert out.state_dict == {**kept, 'decoder.embedding_head.kernel_fcs.0.weight': 3}
        assert set(out.dropped.values()) == {'linking of a stage that is not linked: never trained'}
    assert len(converter.convert_state_dict(names, None)) == 7
    assert converter.convert(names, sources.recognise(names).table).state_dict.keys() == {
        'decoder.stages.2.fusion.ffn_norm.weight',
        'decoder.stages.2.fusion.ffn_norm.bias',
        'decoder.embedding_head.kernel_fcs.0.weight',
    }


@pytest.mark.parametrize(
    'name',
    ['tracker.fc_mask.weight', 'roi_head.mask_head.0.link_ffn_new.weight', 'rpn_head.ins_downsample.conv.weight'],
)
def test_experiments_that_no_model_here_has_are_refused(name):
    with pytest.raises(ValueError, match=name):
        converter.convert_state_dict({'rpn_head.init_kernels.weight': 0, name: 1})


HEADS = {
    'FCNHead': dict(type='FCNHead', in_channels=24, in_index=0, channels=32, num_convs=2, concat_input=True),
    'PSPHead': dict(type='PSPHead', in_channels=24, in_index=0, channels=32, pool_scales=(1, 2)),
    'ASPPHead': dict(type='ASPPHead', in_channels=24, in_index=0, channels=32, dilations=(1, 2)),
    'UPerHead': dict(type='UPerHead', in_channels=[24, 48], in_index=[0, 1], channels=32, pool_scales=(1, 2)),
}


@pytest.mark.parametrize('name', HEADS)
def test_semantic_knet_of_mmseg(name):
    shared = dict(norm_cfg=dict(type='BN'), align_corners=False)
    head = dict(HEADS[name], num_classes=5, **shared)
    aux = dict(HEADS['FCNHead'], num_convs=1, concat_input=False, num_classes=5, **shared)
    updator = dict(type='KernelUpdator', in_channels=16, feat_channels=16, out_channels=16)
    stage = dict(
        type='KernelUpdateHead',
        num_classes=5,
        num_heads=4,
        num_mask_fcs=1,
        feedforward_channels=48,
        in_channels=32,
        out_channels=32,
        feat_transform_cfg=dict(conv_cfg=dict(type='Conv2d'), act_cfg=None),
        kernel_updator_cfg=updator,
    )
    parts = dict(
        backbone=ResNet(50, deep_stem=True),
        decode_head=MODELS.build(
            dict(
                type='IterativeDecodeHead',
                _scope_='mmseg',
                num_stages=2,
                kernel_update_head=[copy.deepcopy(stage) for _ in range(2)],
                kernel_generate_head=head,
            )
        ),
        auxiliary_head=MODELS.build({**aux, '_scope_': 'mmseg'}),
    )
    names = {k: v for part, module in parts.items() for k, v in shapes(module, f'{part}.').items()}
    source = sources.recognise(names)
    assert (source.kind, source.decoder) == ('semantic_knet', 'SemanticKNetDecoder')
    ours = SemanticKNetDecoder(
        num_things=2,
        num_stuff=3,
        num_stages=2,
        generate_head={k: v for k, v in head.items() if k != 'num_classes'},
        auxiliary_head={k: v for k, v in aux.items() if k != 'num_classes'},
        update_head=dict(num_heads=4, feedforward_channels=48, updator=dict(in_channels=16)),
    )
    out = converter.convert(names, source.table)
    assert not out.dropped
    assert out.state_dict == {**shapes(ours, 'decoder.'), **shapes(parts['backbone'], 'backbone.')}
