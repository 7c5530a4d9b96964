"""Cross-entropy at noise levels: what is measured, against models whose answer is known, and what is refused."""

import math

import pytest
import torch
from torch.nn import functional as F

from tests.test_end_to_end.project import write_dataset
from tests.test_models.diffusion_models import tiny_diffusion_config
from tests.tool_module import load_tool
from videoseg.models.decoders import DiffusionDecoder
from videoseg.registry import MODELS

tool = load_tool('analysis_tools/denoising_loss.py')

CONFIG = """
_base_ = ['{root}/configs/_base_/datasets/synthetic_step.py']
model = {model!r}
test_dataloader = dict(dataset=dict(data_root='{data}'))
"""


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    """Config and checkpoint of a tiny model whose last layer is zero, and data of 2 videos of 4 frames."""
    folder = tmp_path_factory.mktemp('project')
    root = tool.__file__.split('/tools/')[0]
    data = write_dataset(folder / 'data')

    def write(name='tiny', **options):
        config = tiny_diffusion_config(num_things=3, num_stuff=3, **options)
        path = folder / f'{name}.py'
        path.write_text(CONFIG.format(root=root, model=config, data=f'{data}/'))
        model = MODELS.build(config)
        torch.nn.init.zeros_(model.decoder.denoiser.conv_out.weight)
        torch.save(dict(state_dict=model.state_dict()), folder / f'{name}.pth')
        return [str(path), str(folder / f'{name}.pth')]

    return write


def test_without_knowledge_every_code_is_a_guess(project, capsys):
    losses = tool.main([*project(), '--times', '0.2', '1', '--clips', '3'])
    assert len(losses) == 3
    for loss in losses:
        assert set(loss) == {(what, past) for what in ('class', 'identity') for past in ('true', 'none')}
        for values in loss.values():
            assert values.tolist() == pytest.approx([math.log(8)] * 2)
    lines = capsys.readouterr().out.splitlines()[-6:]
    assert lines[0] == '|  | past masks | t = 0.2 | t = 1 | a guess |'
    assert lines[-1] == f'| identity (3 clips) | none | {math.log(8):.2f} | {math.log(8):.2f} | {math.log(7):.2f} |'


def test_clips_are_noised_to_the_times_given_and_keep_their_identities(project, monkeypatch):
    """A model that believes the signs of the bits: right without noise, wrong in nothing else."""
    calls = []

    def believe(self, feats, past, noisy, gamma):
        classes, ids = self.codec.decode_sign(noisy)
        calls.append((past, classes, ids, feats.mask_features.shape))
        return torch.cat([20 * F.one_hot(codes, 8).movedim(-1, 1).float() for codes in (classes, ids)], dim=1)

    monkeypatch.setattr(DiffusionDecoder, 'outputs', believe)
    losses = tool.main([*project(), '--times', '0', '1', '--clips', '4'])
    for loss in losses:
        for clean, noisy in loss.values():
            assert clean < 1e-5 and noisy > 5
    assert len(calls) == 8
    for (past_classes, past_ids), classes, ids, shape in calls[::2]:  # true past masks, whose objects are the same ones
        assert past_classes.shape == past_ids.shape == (2, 2, *shape[-2:])
        assert set(past_ids.unique().tolist()) == set(ids[0].unique().tolist()) and len(ids[0].unique()) == 3
        assert set(past_classes.unique().tolist()) == set(classes[0].unique().tolist())
    assert not any(codes.any() for past, *_ in calls[1::2] for codes in past)


def test_a_model_of_single_images_has_no_past(project):
    (loss,) = tool.main([*project('image', num_past=0), '--times', '0.5', '--clips', '1'])
    assert set(loss) == {('class', 'none'), ('identity', 'none')}


def test_clips_are_spread_over_all_videos():
    class Data:
        data_root = 'somewhere'
        num_videos = 3

        @staticmethod
        def video_length(video):
            return (6, 2, 5)[video]

    found = [(index.video, index.start, index.stop) for index in tool.clips_of(Data, 3, 4)]
    assert found == [(0, 0, 3), (0, 2, 5), (2, 0, 3), (2, 2, 5)]
    with pytest.raises(SystemExit, match='somewhere: no video has the 7 frames'):
        tool.clips_of(Data, 7, 4)


@pytest.mark.parametrize('options', [['--times', '1.5'], ['--clips', '0']])
def test_bad_options_are_refused(options, capsys):
    with pytest.raises(SystemExit):
        tool.main(['config.py', 'weights.pth', *options])
    assert f'{options[0]} ' in capsys.readouterr().err


def test_other_losses_are_refused(project):
    with pytest.raises(SystemExit, match='softmax'):
        tool.main(project('bits', loss_bits=dict(kind='sigmoid')))
