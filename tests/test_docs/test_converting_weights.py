"""docs/converting_weights.md, step by step on a file with the released names and random weights."""

import contextlib
import io
import json
import re
import shlex
from pathlib import Path

import pytest
import torch
from mmdet.models import FPN, ResNet

from tests.parity_data import parity_file
from tests.test_tools.test_model_converters.released import released_tube_link_names
from tests.tool_module import TOOLS, load_tool
from videoseg.registry import MODELS

ROOT = TOOLS.parent
PAGE = (ROOT / 'docs' / 'converting_weights.md').read_text(encoding='utf-8')
BLOCKS = re.findall(r'^```(python|bash|text)\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL)
SCHEMA = 'schema_video_knet_s3_r50_rpn_1x_kitti_step_sigmoid_stride2_mask_embed_link_ffn_joint_train.json'
TOOL = 'tools/model_converters/convert_weights.py'

tool = load_tool('model_converters/convert_weights.py')


def write_released(path: Path) -> dict[str, torch.Tensor]:
    """The checkpoint of the page: released names of the heads, mmdet 2's of backbone and FPN, as mmcv 1 saved it."""
    torch.manual_seed(0)
    schema = json.loads(parity_file('knet', SCHEMA).read_text())
    state = {f'backbone.{k}': v for k, v in ResNet(50).state_dict().items()}
    state |= {f'neck.{k}': v for k, v in FPN([256, 512, 1024, 2048], 256, 4).state_dict().items()}
    state |= {name: torch.randn(shape) for name, shape in schema.items()}
    torch.save(dict(meta=dict(epoch=12, mmdet_version='2.18.0'), state_dict=state, optimizer=dict(state={})), path)
    return state


def write_tube_link(path: Path) -> dict[str, torch.Tensor]:
    """Tube-Link R50 for VIPSeg; ``test_tube_link_tables.py`` proves that the released names are these."""
    torch.manual_seed(1)
    decoder = dict(num_things=58, num_stuff=66, stuff_slots=True, link=dict(), association=dict())
    neck = dict(type='DeformablePixelDecoder', semantic_head=False)
    backbone = dict(type='ResNet', depth=50)
    decoder['type'] = 'TubeLinkDecoder'
    model = MODELS.build(dict(type='VideoSegmentor', backbone=backbone, neck=neck, decoder=decoder))
    state = released_tube_link_names(model.state_dict())
    torch.save(dict(meta=dict(epoch=8, mmdet_version='2.18.0'), state_dict=state, optimizer=dict(state={})), path)
    return state


def commands(block: str) -> list[list[str]]:
    return [shlex.split(line) for line in block.replace('\\\n', ' ').splitlines() if line.strip()]


def run(kind: str, block: str) -> str:
    """What a block prints, errors included."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        if kind == 'python':
            exec(compile(block, 'docs/converting_weights.md', 'exec'), {'__name__': '__main__'})
        else:
            for program, script, *args in commands(block):
                assert (program, script) == ('python', TOOL)
                tool.main(args)
    return printed.getvalue()


@pytest.mark.slow
def test_every_step_prints_what_the_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'configs').symlink_to(ROOT / 'configs', target_is_directory=True)
    released = write_released(tmp_path / 'RELEASED.pth')
    tube_link = write_tube_link(tmp_path / 'TUBE_LINK.pth')
    printed, checked = '', 0
    for kind, block in BLOCKS:
        if kind == 'text':
            lines = iter(printed.splitlines())
            for line in block.splitlines():
                assert line in lines, f'{line!r} is not printed, or not there:\n{printed}'
                checked += 1
            continue
        printed = run(kind, block)
        if kind == 'python':
            expected = re.findall(r'^print\(.*\)(?:  |\n)# (.*)$', block, re.MULTILINE)
            assert [line for line in printed.splitlines() if line in expected] == expected
            checked += len(expected)
    assert checked == 38
    files = {path.name for path in tmp_path.glob('*.pth')}
    assert files == {
        *('RELEASED.pth', 'video_knet_r50.pth', 'start.pth', 'backbone.pth'),
        *('TUBE_LINK.pth', 'tube_link_r50.pth'),
    }
    converted = torch.load(tmp_path / 'video_knet_r50.pth', weights_only=True)['state_dict']
    for theirs, ours in (
        ('rpn_head.init_kernels.weight', 'decoder.proposal_head.init_kernels.weight'),
        ('roi_head.mask_head.2.link_ffn.layers.1.bias', 'decoder.stages.2.linking.ffn.layers.1.bias'),
        ('neck.fpn_convs.3.conv.weight', 'neck.0.fpn_convs.3.conv.weight'),
    ):
        assert torch.equal(released[theirs], converted[ours])
    converted = torch.load(tmp_path / 'tube_link_r50.pth', weights_only=True)['state_dict']
    for theirs, ours in (
        ('panoptic_head.pixel_decoder.encoder.layers.5.attentions.0.value_proj.bias',
         'neck.0.encoder.layers.5.self_attn.value_proj.bias'),
        ('panoptic_head.transformer_decoder.layers.8.attentions.0.attn.in_proj_weight',
         'decoder.transformer_decoder.layers.8.cross_attn.attn.in_proj_weight'),
        ('link_ffn_track.layers.1.weight', 'decoder.link.ffn.layers.1.weight'),
    ):  # fmt: skip
        assert torch.equal(tube_link[theirs], converted[ours])


def test_every_block_is_run_and_every_link_leads_somewhere():
    fences = re.findall(r'^```(\w+)$', PAGE, re.MULTILINE)
    assert set(fences) == {'python', 'bash', 'text', 'console'} and fences.count('console') == 1
    assert len(BLOCKS) == len(fences) - 1
    for target in re.findall(r'\]\(((?!#|http)[^)]*)\)', PAGE):
        assert (ROOT / 'docs' / target).exists(), target
    for config in re.findall(r'configs/[\w/.-]+\.py', PAGE):
        assert (ROOT / config).is_file(), config


def test_decoders_of_the_page_are_those_of_the_tool():
    names = {
        'KNetDecoder': ['rpn_head.init_kernels.weight', 'roi_head.mask_head.0.fc_cls.bias'],
        'VideoKNetDecoder': [
            'rpn_head.init_kernels.weight',
            'roi_head.mask_head.0.fc_cls.bias',
            'track_head.fcs.0.bias',
        ],
        'ClipKNetDecoder': ['rpn_head.init_kernels.weight', 'tracker.mask_head.0.fc_cls.bias'],
        'SemanticKNetDecoder': ['decode_head.kernel_generate_head.conv_seg.bias'],
        'TubeLinkDecoder': ['panoptic_head.query_feat.weight', 'track_head.fcs.0.bias'],
        None: ['backbone.layer1.0.conv1.weight'],
    }
    for decoder, keys in names.items():
        assert tool.recognise(keys).decoder == decoder
        assert decoder is None or f'| `{decoder}` |' in PAGE
