"""The window benchmark: the peer has the same weights, every run is a line, memory is that of the run."""

import copy
import json
import os

import numpy as np
import pytest
import torch

from tests.test_models.tiny_models import batch, video
from tests.tool_module import load_tool

OURS = 'configs/tube_link/effnet-lite0_synthetic_vis.py'
PEER = 'configs/mask2former_vis/effnet-lite0_synthetic_vis.py'
CPU = torch.device('cpu')

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def tool():
    return load_tool('analysis_tools/benchmark_windows.py')


@pytest.fixture(scope='module')
def models(tool):
    return tool.build(OURS, None, CPU), tool.build(PEER, None, CPU)


def test_the_peer_has_the_same_weights(tool, models):
    """So both predict the same, where ours sees the whole clip too."""
    ours, peer = models
    assert tool.share_weights(ours, peer) is None
    data = batch(ours, video(0, frames=3))
    with torch.no_grad():
        prediction, _ = ours.decoder.decode(ours.extract_feat(data['inputs']), {}, [])
        maps = peer.extract_feat(copy.deepcopy(data['inputs']))
        classes, masks = peer.detector.track_head(list(maps), data['data_samples'])
    torch.testing.assert_close(prediction.class_logits, classes[-1], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(prediction.mask_logits, masks[-1], rtol=1e-3, atol=1e-3)


def test_weights_that_do_not_fit_are_named(tool, models):
    other = tool.build(OURS, {'model.decoder.num_queries': 5}, CPU)
    before = other.decoder.query_feat.weight.clone()
    assert tool.share_weights(other, models[1]) == '2 tensors do not fit, such as decoder.query_embed.weight'
    assert torch.equal(other.decoder.query_feat.weight, before)
    assert tool.share_weights(models[0], models[0]) == 'the peer is no Mask2Former'


def test_every_run_is_a_line(tool, tmp_path, capsys):
    out = tmp_path / 'folder' / 'numbers.json'
    shape, runs = ['--shape', '64', '96'], ['--windows', '1', '3', '--lengths', '8', '4', '--long', '10']
    tool.main([OURS, '--peer', PEER, *shape, *runs, '--long-window', '3', '--out', str(out)])
    numbers, printed = json.loads(out.read_text()), capsys.readouterr().out
    assert [(row['frames'], row['window']) for row in numbers['model']] == [(4, 1), (4, 3), (10, 3)]
    assert [(row['frames'], row['window']) for row in numbers['peer']] == [(4, 4), (8, 8)]
    assert numbers['unshared'] is None and numbers['shape'] == [64, 96]
    assert all(row['fps'] > 0 and row['peak_mib'] >= 0 for row in numbers['model'] + numbers['peer'])
    assert len({row['state_kib'] for row in numbers['model']}) == 1
    ratio = numbers['model'][1]['fps'] / numbers['model'][0]['fps']
    slope = (numbers['peer'][1]['peak_mib'] - numbers['peer'][0]['peak_mib']) / 4
    for text in (f'Window 3: {ratio:.2f} x window 1.', f'Peer: {slope:.1f} MiB more', 'the same in both', '64x96'):
        assert text in printed
    assert 'Window 3: 1.00' not in printed or ratio == pytest.approx(1, abs=0.01)


def test_parts_of_every_window_sum_to_its_total(tool, tmp_path, capsys):
    out = tmp_path / 'numbers.json'
    size = ['--shape', '64', '96', '--lengths', '5', '--windows', '1', '3', '--repeats', '1']
    tool.main([OURS, '--parts', *size, '--out', str(out)])
    numbers, printed = json.loads(out.read_text()), capsys.readouterr().out
    assert [(row['frames'], row['window']) for row in numbers['parts']] == [(5, 1), (5, 3)]
    for row in numbers['parts']:
        names = ['backbone', 'neck', 'decoder', 'post-processing', 'tracker', 'other', 'total']
        assert list(row['ms']) == names and all(value > 0 for value in row['ms'].values())
        *parts, total = row['ms'].values()
        assert sum(parts) == pytest.approx(total) and row['fps'] == pytest.approx(1e3 / total)
        assert f'| {row["window"]} | {parts[0]:.1f} | {parts[1]:.1f} | ' in printed
    assert numbers['parts'][1]['ms']['decoder'] < numbers['parts'][0]['ms']['decoder']  # 2 calls, not 5
    assert 'warmed up\nrepeat 1 of 1' in printed and '64x96' in printed and 'medians of 1.' in printed


def test_repeats_take_the_windows_in_turns(tool, models, monkeypatch):
    seen, cost = [], {1: [9.0, 2.0, 6.0, 4.0], 2: [9.0, 1.0, 1.0, 8.0]}

    def stream(model, footage, length, window, args, clock):
        seen.append(window)
        return cost[window].pop(0), None

    monkeypatch.setattr(tool, 'stream', stream)
    args = ['--parts', '--shape', '64', '96', '--windows', '1', '2', '--lengths', '10', '--repeats', '3']
    rows = tool.measure_parts(copy.deepcopy(models[0]), tool.parse_args([OURS, *args]))
    assert seen == [1, 2] * 4  # the first turn is not counted
    assert [row['ms']['total'] for row in rows] == [400, 100]


def test_a_run_does_not_find_the_memory_of_another(tool):
    def allocate(size, pid):
        memory = tool.PeakMemory(CPU)
        block = np.ones(size, np.uint8)
        return dict(peak=memory.stop(0), size=len(block), forked=os.getpid() != pid)

    large, small = (tool.apart(CPU, allocate, size, os.getpid()) for size in (2**26, 2**20))
    assert large['forked'] and small['forked']
    assert large['peak'] > 60 * 2**20 > 16 * 2**20 > small['peak']


def test_a_run_that_ends_is_named(tool):
    with pytest.raises(SystemExit, match='a run of 7 frames ended with code 3'):
        tool.apart(CPU, lambda model, frames: os._exit(3), None, 7)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--windows', '0'], '--windows 0: must be at least 1'),
        (['--lengths', '4', '-1'], '--lengths -1: must be at least 1'),
        (['--overlap', '-1'], '--overlap and --long: must be at least 0'),
        (['--parts', '--repeats', '0'], '--repeats 0: must be at least 1'),
        (['--parts', '--peer', PEER], '--parts is of the model alone'),
        (['--out', 'numbers.md'], 'numbers.md: the name must end with .json'),
    ],
)
def test_bad_arguments_are_refused(tool, arguments, message, capsys):
    with pytest.raises(SystemExit):
        tool.main([OURS, *arguments])
    assert message in capsys.readouterr().err
