"""The converter from the command line: what it writes, and what it refuses."""

import hashlib
import sys
from pathlib import Path

import pytest
import torch
from mmdet.models import ResNet

from tests.test_tools.test_model_converters.released import (
    released_names,
    released_tube_link_names,
    write_config,
    write_released,
    write_tube_link_config,
)
from tests.tool_module import load_tool
from videoseg.apis import init_model
from videoseg.datasets import KITTISTEPDataset
from videoseg.registry import MODELS
from videoseg.utils import CheckpointMismatchError, load_checkpoint_file, load_checkpoint_report, load_config

tool = load_tool('model_converters/convert_weights.py')
fit = sys.modules['weight_fit']


class Case:
    """A folder with a config, and a released file of its model with random weights."""

    def __init__(self, folder, **config):
        torch.manual_seed(len(config))
        self.folder, self.out = folder, folder / 'out.pth'
        self.config = write_config(folder / 'config.py', **config)
        self.state = {
            k: torch.rand_like(v) if v.is_floating_point() else v for k, v in
            fit.build_model(load_config(self.config)).state_dict().items()
        }  # fmt: skip
        self.released = write_released(folder / 'released.pth', released_names(self.state))

    def run(self, *options):
        return tool.main([self.released, str(self.out), *map(str, options)])


@pytest.fixture
def case(tmp_path):
    return Case(tmp_path)


def test_written_file_has_our_weights_and_says_what_it_is(case, capsys):
    assert case.run('--check', case.config) == 0
    content = load_checkpoint_file(case.out)
    assert content['state_dict'].keys() == case.state.keys()
    assert all(torch.equal(v, case.state[k]) for k, v in content['state_dict'].items())
    meta = content['meta']
    assert meta['source'] == 'released.pth'
    assert meta['source_sha256'] == hashlib.sha256(Path(case.released).read_bytes()).hexdigest()
    assert meta['decoder'] == 'VideoKNetDecoder'
    assert tuple(meta['classes']) == KITTISTEPDataset.METAINFO['classes'] and meta['num_things'] == 2
    assert set(content) == {'meta', 'state_dict'}
    printed = capsys.readouterr().out
    assert [line.split() for line in printed.splitlines() if 'mask_head.1' in line] == [
        ['44', 'roi_head.mask_head.1', 'decoder.stages.1']
    ]
    assert 'never trained (12):' in printed
    assert '    roi_head.mask_head.0.link_ffn_norm.bias\n' in printed
    model = init_model(case.config, case.out)
    assert all(torch.equal(v, case.state[k]) for k, v in model.state_dict().items())
    assert model.dataset_meta['num_things'] == 2


def test_loading_compares_decoder_and_classes(case):
    assert case.run('--check', case.config) == 0
    content = load_checkpoint_file(case.out)
    model = fit.build_model(load_config(case.config))
    classes = list(KITTISTEPDataset.METAINFO['classes'])
    ours = dict(decoder='VideoKNetDecoder', classes=classes, num_things=2)
    assert not load_checkpoint_report(model, content, source='a', strict=True, expected_meta=ours).problems
    for wrong in (dict(decoder='KNetDecoder'), dict(classes=classes[::-1]), dict(num_things=3)):
        with pytest.raises(CheckpointMismatchError, match=f'made with {next(iter(wrong))}'):
            load_checkpoint_report(model, content, source='a', strict=True, expected_meta={**ours, **wrong})


def test_without_a_config_class_names_are_unknown(case):
    assert case.run() == 0
    meta = load_checkpoint_file(case.out)['meta']
    assert (meta['decoder'], meta['classes'], meta['num_things']) == ('VideoKNetDecoder', None, None)
    assert 'dataset_meta' not in meta


def test_names_that_come_with_the_data_are_left_open(tmp_path):
    case = Case(tmp_path, num_things=58, num_stuff=66, dataset='VIPSegDataset')
    assert case.run('--check', case.config) == 0
    meta = load_checkpoint_file(case.out)['meta']
    assert (meta['classes'], meta['dataset_meta'], meta['num_things']) == (None, None, 58)


def test_another_number_of_classes(case, capsys):
    other = write_config(case.folder / 'other.py', num_things=3, num_stuff=4)
    assert case.run('--check', other) == 1
    error = capsys.readouterr().err
    assert not case.out.exists() and 'Nothing was written.' in error
    assert '--allow-reinit would start these anew' in error
    tensors = ['decoder.proposal_head.conv_seg', *(f'decoder.stages.{s}.fc_cls' for s in range(3))]
    for name in tensors:
        assert f'    {name}.weight: [19, 32' in error and f'    {name}.bias: [19] here becomes [7]' in error
    assert case.run('--check', other, '--allow-reinit') == 0
    assert f'load_from_allow = {tensors}' in capsys.readouterr().out
    content = load_checkpoint_file(case.out)
    lost = {f'{name}.{leaf}' for name in tensors for leaf in ('weight', 'bias')}
    assert set(content['meta']['reinitialised']) == lost
    assert content['state_dict'].keys() == case.state.keys() - lost
    assert content['meta']['classes'] is None
    model = fit.build_model(load_config(other))
    load_checkpoint_report(model, content, source='a', allow_reinit=tensors)
    with pytest.raises(CheckpointMismatchError, match='received nothing'):
        load_checkpoint_report(fit.build_model(load_config(other)), content, source='a')


def test_image_model_as_start_of_a_video_model(tmp_path, capsys):
    case = Case(tmp_path, decoder='KNetDecoder')
    video = write_config(tmp_path / 'video.py')
    assert case.run('--check', video) == 1
    error = capsys.readouterr().err
    assert 'it was made with decoder KNetDecoder, the model here has decoder VideoKNetDecoder' in error
    assert '    decoder.stages.2.linking.ffn_norm.bias\n' in error
    assert case.run('--check', video, '--allow-reinit', 'decoder.embedding_head') == 1  # linking is not named
    assert 'decoder.embedding_head.' not in capsys.readouterr().err
    assert case.run('--check', video, '--allow-reinit', 'decoder.embedding_head', 'decoder.stages.*.linking') == 0
    content = load_checkpoint_file(case.out)
    assert content['state_dict'].keys() == case.state.keys()
    assert content['meta']['decoder'] == 'KNetDecoder'


def test_only_classifiers_may_start_anew_unasked(case, capsys):
    path = Path(case.config)
    path.write_text(path.read_text().replace('num_proposals=5', 'num_proposals=6'))
    assert case.run('--check', case.config, '--allow-reinit') == 1
    error = capsys.readouterr().err
    assert 'of another shape:\n    decoder.proposal_head.init_kernels.weight\n' in error
    assert not case.out.exists()


def test_unknown_parameters_are_refused(case, capsys):
    state = released_names(case.state) | {'track_head.fc_cls.weight': torch.zeros(1)}
    write_released(Path(case.released), state)
    assert case.run() == 1
    assert f'1 of {len(state)} parameters are in no rule:\n    track_head.fc_cls.weight\n' in capsys.readouterr().err
    assert not case.out.exists()


def test_python_objects_only_behind_the_flag(case, capsys):
    content = dict(state_dict=released_names(case.state), meta=dict(hook=Case))
    torch.save(content, case.released)
    assert case.run() == 1
    assert '--unsafe-load' in capsys.readouterr().err
    assert case.run('--unsafe-load') == 0
    assert 'hook' not in load_checkpoint_file(case.out)['meta']  # allow_unsafe=False reads it


@pytest.mark.parametrize('state', [{'a.weight': torch.zeros(1)}, {'generator.fc.weight': torch.zeros(1)}])
def test_what_is_neither(state, tmp_path, capsys):
    source = write_released(tmp_path / 'a.pth', state)
    assert tool.main([source, str(tmp_path / 'out.pth')]) == 1
    assert 'neither K-Net, Tube-Link, Mask2Former nor a backbone (1 parameters' in capsys.readouterr().err
    assert tool.main([source, str(tmp_path / 'out.pth'), '--kind', 'knet']) == 1
    assert f'1 of 1 parameters are in no rule:\n    {next(iter(state))}' in capsys.readouterr().err


def test_files_without_weights(tmp_path, capsys):
    torch.save(dict(meta=dict(), epoch=3), tmp_path / 'a.pth')
    assert tool.main([str(tmp_path / 'a.pth'), str(tmp_path / 'out.pth')]) == 1
    assert 'there are no weights in it, only meta, epoch' in capsys.readouterr().err
    assert tool.main([str(tmp_path / 'none.pth'), str(tmp_path / 'out.pth')]) == 1
    assert 'none.pth does not exist' in capsys.readouterr().err


def test_reinit_needs_a_config(case):
    with pytest.raises(SystemExit):
        case.run('--allow-reinit')


def test_backbone_of_a_classifier(case, capsys):
    state = {k: torch.rand_like(v) for k, v in ResNet(18, base_channels=8).state_dict().items() if 'num' not in k}
    torch.save(dict(model={**state, 'fc.weight': torch.zeros(3, 64), 'fc.bias': torch.zeros(3)}), case.released)
    assert case.run('--check', case.config) == 0
    assert 'left out, the classifier of the pre-training (2):\n    fc.weight\n    fc.bias\n' in capsys.readouterr().out
    content = load_checkpoint_file(case.out)
    assert content['meta']['decoder'] is None and content['meta']['source_kind'] == 'backbone'
    init_cfg = dict(type='Pretrained', checkpoint=str(case.out), prefix='backbone.')
    backbone = MODELS.build(dict(type='ResNet', depth=18, base_channels=8, init_cfg=init_cfg))
    backbone.init_weights()
    assert all(torch.equal(v, backbone.state_dict()[k]) for k, v in state.items())


class TubeLinkCase(Case):
    """A small Tube-Link for VPS."""

    def __init__(self, folder):
        self.folder, self.out = folder, folder / 'out.pth'
        self.config = write_tube_link_config(folder / 'config.py')
        torch.manual_seed(0)
        self.state = fit.build_model(load_config(self.config)).state_dict()
        self.released = write_released(folder / 'released.pth', released_tube_link_names(self.state))


def test_tube_link(tmp_path, capsys):
    case = TubeLinkCase(tmp_path)
    assert 'attention_previous_track.attn.in_proj_weight' in load_checkpoint_file(case.released)['state_dict']
    assert case.run('--check', case.config) == 0
    printed = capsys.readouterr().out
    assert 'num_queries: 24, num_classes: 19, with_link: True, with_association: True\n' in printed
    content = load_checkpoint_file(case.out)
    meta = content['meta']
    assert (meta['source_kind'], meta['decoder'], meta['num_things']) == ('tube_link', 'TubeLinkDecoder', 2)
    assert (meta['num_queries'], meta['num_classes'], len(meta['classes'])) == (24, 19, 19)
    model = init_model(case.config, case.out)
    assert model.state_dict().keys() == case.state.keys()
    assert all(torch.equal(v, case.state[k]) for k, v in model.state_dict().items())


def test_tube_link_with_another_number_of_queries(tmp_path, capsys):
    case = TubeLinkCase(tmp_path)
    other = write_tube_link_config(tmp_path / 'other.py', num_queries=30)
    queries = ['decoder.query_feat', 'decoder.query_embed']
    for options in ([], ['--allow-reinit']):  # they are no classifier: they must be named
        assert case.run('--check', other, *options) == 1
        error = capsys.readouterr().err
        assert 'the checkpoint has 24 queries, the model 30: set model.decoder.num_queries=24' in error
        assert all(f'    {name}.weight\n' in error for name in queries) and not case.out.exists()
    assert case.run('--check', other, '--allow-reinit', *queries) == 0
    assert f'load_from_allow = {sorted(queries)}' in capsys.readouterr().out


def test_tube_link_with_other_classes(tmp_path, capsys):
    case = TubeLinkCase(tmp_path)
    other = write_tube_link_config(tmp_path / 'other.py', num_things=3, num_stuff=4)
    assert case.run('--check', other) == 1
    assert '    decoder.cls_embed.weight: [20, 32] here becomes [8, 32]\n' in capsys.readouterr().err
    assert case.run('--check', other, '--allow-reinit') == 0
    assert "load_from_allow = ['decoder.cls_embed']" in capsys.readouterr().out
    assert 'decoder.cls_embed.weight' not in load_checkpoint_file(case.out)['state_dict']
