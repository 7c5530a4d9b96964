"""Peak memory of the diffusion decoder: chunks bound it and leave the loss alone."""

import json
import math
import os

import pytest
import torch

from tests.test_models.diffusion_models import tiny_diffusion_config
from tests.test_models.tiny_models import TINY
from tests.tool_module import load_tool

tool = load_tool('analysis_tools/benchmark_diffusion_memory.py')
CPU = torch.device('cpu')


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / 'tiny.py'
    path.write_text(f'model = {tiny_diffusion_config()!r}\n')
    return str(path)


@pytest.mark.slow
def test_chunks_need_less_memory_and_a_small_code_book_still_less(config, tmp_path, capsys):
    out = tmp_path / 'folder' / 'numbers.json'
    size = ['--mask-size', '192', '416', '--chunk', '12']
    assert tool.main([config, *size, '--bits', '8', '8', '--parts', 'loss', 'decode', '--out', str(out)]) == 0
    rows, printed = json.loads(out.read_text())['rows'], capsys.readouterr().out
    assert [(row['class_bits'], row['id_bits'], row['chunk']) for row in rows] == [
        *((8, 8, None), (8, 8, 12)),
        *((3, 3, None), (3, 3, 12)),
    ]
    for part in ('loss', 'decode'):
        whole, chunked, small, _ = (row['parts'][part]['peak_mib'] for row in rows)
        assert whole > rows[0]['logits_mib'] == 512 * 192 * 416 * 4 / 2**20
        assert small < chunked < 0.5 * whole, part
    assert rows[0]['parts']['loss']['value'] == pytest.approx(rows[1]['parts']['loss']['value'], rel=1e-5)
    assert rows[0]['parts']['loss']['value'] > math.log(256)
    for text in ('256 + 256 codes, 12 rows at a time', '8 + 8 codes, all rows at a time', '192x416', str(out)):
        assert text in printed


def test_a_training_step(config):
    decoder = tool.build(tool.decoder_config(tool.parse_args([config])), tool.Book(3, 4, 4), CPU)
    assert decoder.codec.num_outputs() == 24 and decoder.loss_bits.chunk == 4
    loss = tool.prepare_step(decoder, (16, 24))()
    assert loss > 0
    assert all(bool(p.grad.abs().sum() > 0) for p in decoder.denoiser.conv_out.parameters())


def test_features_are_as_wide_as_those_of_the_denoiser(config):
    decoder = tool.build(tool.decoder_config(tool.parse_args([config])), tool.Book(3, 3, None), CPU)
    features = tool.features_like(decoder, (6, 10))
    assert features.shape == (1, 16, 6, 10) and decoder.denoiser.head(features).shape == (1, 16, 6, 10)


def test_a_loss_that_depends_on_the_chunks_is_an_error(config, monkeypatch, capsys):
    values = iter([1.0, 1.0, 2.0, 2.5])
    monkeypatch.setattr(tool, 'apart', lambda *_, **__: dict(peak_mib=1.0, value=next(values)))
    status = tool.main([config, '--parts', 'loss', '--chunk', '4', '--mask-size', '8', '8'])
    assert status == 1
    assert 'error: loss: 2.0 with 8 + 8 codes, all rows at a time, but 2.5 with 8 + 8 codes, 4 rows' in (
        capsys.readouterr().err
    )


def test_a_run_that_ends_is_named(config, monkeypatch):
    monkeypatch.setattr(tool, 'measure', lambda *_: os._exit(9))
    with pytest.raises(SystemExit, match='loss with 256 . 256 codes, all rows at a time ended with code 9'):
        tool.main([config, '--parts', 'loss', '--chunk', '4', '--mask-size', '8', '8'])


def test_other_decoders_are_refused(tmp_path):
    (tmp_path / 'other.py').write_text(f'model = {TINY!r}\n')
    with pytest.raises(SystemExit, match='its decoder is VideoKNetDecoder, this measures DiffusionDecoder'):
        tool.main([str(tmp_path / 'other.py')])


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--chunk', '48', '0'], '--chunk 0: must be at least 1'),
        (['--mask-size', '8', '8', '--chunk', '8'], '--chunk 8: must be at least 1 and less than the 8 rows'),
        (['--out', 'numbers.md'], 'numbers.md: the name must end with .json'),
    ],
)
def test_bad_arguments_are_refused(config, options, message, capsys):
    with pytest.raises(SystemExit):
        tool.main([config, *options])
    assert message in capsys.readouterr().err
