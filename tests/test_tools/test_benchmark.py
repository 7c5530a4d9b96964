"""The benchmark: parts add up, segments are what was asked for, numbers are written."""

import importlib
import json
import mmap
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.test_models.tiny_models import TINY, tiny_tube_config
from tests.tool_module import load_tool
from videoseg.structures import ClipPrediction

TINY_SIZE = ('--shape', '64', '96', '--frames', '2', '--warmup', '1')


@pytest.fixture(scope='module')
def tool():
    return load_tool('analysis_tools/benchmark.py')


@pytest.fixture
def config(tmp_path):
    text = f'model = {TINY!r}\noptim_wrapper = dict(optimizer=dict(type="AdamW", lr=1e-4))\n'
    text += "model['backbone']['init_cfg'] = dict(type='Pretrained', checkpoint='/there/is/no/such.pth')\n"
    path = tmp_path / 'tiny.py'
    path.write_text(text)
    return str(path)


def test_parts_sum_to_the_total_and_are_written(tool, config, tmp_path, capsys):
    out = tmp_path / 'folder' / 'numbers.json'
    tool.main([config, *TINY_SIZE, '--num-things', '3', '--out', str(out)])
    numbers, printed = json.loads(out.read_text()), capsys.readouterr().out
    parts, total = numbers['parts'], numbers['total']
    assert list(parts) == ['backbone', 'neck', 'decoder', 'post-processing', 'tracker', 'other']
    for key in ('parameters', 'gflops', 'ms', 'share'):
        assert sum(part[key] for part in parts.values()) == pytest.approx(total[key]), key
    assert total['share'] == pytest.approx(1)
    assert all(part['ms'] > 0 for part in parts.values())
    assert all(0 <= parts[name]['peak_mib'] <= total['peak_mib'] for name in list(parts)[:5])
    assert [name for name, part in parts.items() if part['parameters']] == ['backbone', 'neck', 'decoder']
    assert min(parts[name]['gflops'] for name in ('backbone', 'neck', 'decoder')) > 0.001
    for word in (*parts, '3 tracked things', '2 stuff segments', 'flop_counter', '64x96', 'fp32', str(out)):
        assert word in printed, word


def test_counts_are_those_of_known_layers(tool, monkeypatch):
    gauges = importlib.import_module('gauges')
    model = nn.Module()
    model.backbone, model.neck = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.ModuleList([nn.Conv2d(8, 4, 1)])
    model.decoder, model.tracker, model.postprocessor = nn.Identity(), nn.Identity(), lambda x: x @ x.T
    model.decoder.decode = model.decoder.embed = model.tracker.align = model.tracker.associate = lambda x: x
    meter, image = gauges.PartMeter(model), torch.zeros(1, 3, 10, 10)

    def run():
        model.postprocessor(model.decoder.decode(model.neck[0](model.backbone(image)))[0].flatten(1))
        torch.zeros(2, 3) @ torch.zeros(3, 5)

    with gauges.FlopGauge() as counter:
        flops = meter.read(counter, run)
    expected = {'backbone': 2 * 27 * 8 * 100, 'neck': 2 * 8 * 4 * 100, 'post-processing': 2 * 4 * 4 * 100}
    assert {part: value for part, value in flops.items() if value} == {**expected, 'total': sum(expected.values()) + 60}
    assert gauges.rest_of(flops, 'other') == 60


def test_resident_memory_is_seen(tool):
    gauge = tool.PeakMemory(torch.device('cpu'))
    started = gauge.start()
    block = mmap.mmap(-1, 2**26)  # fresh pages: an allocator may hand out memory that is resident already
    np.frombuffer(block, np.uint8)[:] = 1
    peak = gauge.stop(started)
    assert 60 * 2**20 < peak < 200 * 2**20
    del block
    gauge.start()
    assert gauge.stop(0) <= peak


def test_scene_of_a_decoder_without_fixed_queries(tool):
    """Softmax, no stuff kernels: free queries take the stuff classes too."""
    stand_ins = importlib.import_module('stand_ins')
    prediction = ClipPrediction(
        class_logits=torch.randn(1, 6, 5),
        mask_logits=torch.randn(1, 6, 2, 8, 12),
        queries=torch.randn(1, 6, 3),
        activation='softmax',
        fixed_labels=torch.full((6,), -1),
        num_things=2,
    )
    decoder = nn.Identity()
    decoder.decode = lambda *_: (prediction, {'kernels': 1})
    scene = stand_ins.FixedScene(decoder, 3)
    assert not scene.used
    result, state = decoder.decode(None, {}, [])
    assert scene.used and state == {'kernels': 1} and result.queries is prediction.queries
    scores, labels = result.class_scores()[0].max(-1)
    assert labels[:5].tolist() == [2, 3, 0, 1, 0] and (scores > 0.9).tolist() == [True] * 5 + [False]
    covered = (result.mask_logits[0] > 0).sum(0)
    assert covered.shape == (2, 8, 12) and (covered == 1).all(), 'a panoptic scene: one owner a pixel'
    assert (result.mask_logits[0, :5] > 0).flatten(1).any(1).all()
    with pytest.raises(SystemExit, match='--num-things 5: the decoder has 6 free queries'):
        stand_ins.FixedScene(decoder, 5)._make(prediction)


def test_training_steps(tool, config, tmp_path, capsys):
    out = tmp_path / 'numbers.json'
    numbers = tool.main([config, *TINY_SIZE, '--train', '--batch-size', '2', '--amp', 'bf16', '--out', str(out)])
    assert numbers == json.loads(out.read_text())
    assert numbers['step_ms'] == pytest.approx(numbers['forward_ms'] + numbers['backward_ms'])
    assert numbers['steps_per_s'] == pytest.approx(1e3 / numbers['step_ms'])
    assert numbers['clips_per_s'] == pytest.approx(2 * numbers['steps_per_s'])
    assert (numbers['clip_frames'], numbers['amp']) == (2, 'bf16') and 0 < numbers['loss'] < 1e4
    assert '2 clip(s) of 2 frame(s) a step' in capsys.readouterr().out


def test_clips_are_those_of_the_config(tool, config):
    Path(config).write_text(
        Path(config).read_text()
        + "train_dataloader = dict(batch_size=3, dataset=dict(pipeline=[dict(type='ClipSample', num_refs=3)]))"
    )
    args = tool.parse_args([config, '--train'])
    tool.build(args)
    assert (args.batch_size, args.clip_frames) == (3, 4)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--frames', '0'], '--frames 0: must be at least 1'),
        (['--warmup', '0'], '--warmup 0: must be at least 1'),
        (['--num-things', '-1'], '--num-things -1: must be at least 0'),
        (['--shape', '384', '12'], '--shape 384 12: both must be at least 32'),
        (['--out', 'numbers.txt'], '--out numbers.txt: the name must end with .json'),
        (['--device', 'gpu'], '--device gpu: '),
        (['--amp', 'fp16'], '--amp fp16: on a CPU only bf16'),
        (['--amp', 'int8'], "--amp: invalid choice: 'int8'"),
        (['--batch-size', '2'], '--batch-size and --clip-frames need --train'),
    ],
)
def test_bad_arguments(tool, arguments, message, capsys):
    with pytest.raises(SystemExit, match='2'):
        tool.parse_args(['config.py', *arguments])
    assert message in capsys.readouterr().err


def test_bad_configs(tool, config, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r'config nothing\.py does not exist'):
        tool.main(['nothing.py'])
    with pytest.raises(TypeError, match=r'tiny\.py, key model\.decoder\.num_kernels:'):
        tool.main([config, '--cfg-options', 'model.decoder.num_kernels=3'])
    with pytest.raises(SystemExit, match=r'tiny\.py: the benchmark needs a VideoSegmentor with model\.tracker'):
        tool.main([config, '--cfg-options', 'model.tracker=None'])
    (tmp_path / 'no_optimizer.py').write_text(f'model = {TINY!r}\n')
    with pytest.raises(SystemExit, match=r'no_optimizer\.py has no optim_wrapper'):
        tool.main([str(tmp_path / 'no_optimizer.py'), '--train'])
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(SystemExit, match='2'):
        tool.parse_args([config, '--device', 'cuda'])


def test_own_times_inside_a_part_sum_to_it():
    gauges, module_times = importlib.import_module('gauges'), importlib.import_module('module_times')
    clock = gauges.Clock(torch.device('cpu'))
    ticks = iter(range(1000))
    clock.start = lambda: next(ticks)
    clock.stop = lambda started: next(ticks) - started
    root = nn.Sequential(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), nn.Linear(8, 2))
    spent = [0.0]

    def run():
        started = clock.start()
        root(torch.zeros(3, 4))
        spent[0] += clock.stop(started)

    rows = module_times.ModuleTimes(root, depth=2, clock=clock).measure([run, run], lambda: spent[0])
    assert list(rows) == ['0.0', '0.1', '0', '1', '']
    assert sum(row['own_ms'] for row in rows.values()) == pytest.approx(spent[0] * 1e3 / 2)
    # a tick at each clock: the leaves take one each, the inner sequence the three between them
    assert [row['own_ms'] for row in rows.values()] == [1000, 1000, 3000, 1000, 3000]
    assert rows['0']['output_mib'] == 3 * 8 * 4 / 2**20 and rows['1']['calls'] == 1
    assert not root[0]._forward_hooks and not root[1]._forward_pre_hooks


def test_inside_of_the_decoder_is_printed_and_written(tool, config, tmp_path, capsys):
    out = tmp_path / 'numbers.json'
    tool.main([config, *TINY_SIZE, '--inside', 'decoder', '--out', str(out)])
    inside = json.loads(out.read_text())['inside']
    assert {'proposal_head', 'stages.0.feat_transform', 'stages.0'} <= inside.keys()
    assert all(row['own_ms'] >= 0 for name, row in inside.items() if name)
    printed = capsys.readouterr().out
    assert 'stages.0.feat_transform' in printed and 'own ms/window' in printed


def test_a_decoder_that_hands_parameters_to_its_layers_is_counted(tool, tmp_path):
    path, out = tmp_path / 'tube.py', tmp_path / 'numbers.json'
    path.write_text(f'model = {tiny_tube_config()!r}\n')
    tool.main([str(path), *TINY_SIZE, '--out', str(out)])
    assert json.loads(out.read_text())['parts']['decoder']['gflops'] > 0
