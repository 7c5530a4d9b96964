"""Quality over time: sections, from the start, short videos."""

import json

import numpy as np
import pytest

from tests.test_evaluation.layouts import save_step
from tests.tool_module import load_tool
from videoseg.structures.ids import encode_ids

tool = load_tool('analysis_tools/drift.py')

CLASSES = [{'id': 11, 'name': 'person', 'isthing': 1}, {'id': 0, 'name': 'road', 'isthing': 0}]


def write(folder, lengths, shift=lambda frame: 0):
    """Videos of two things that walk over a road; ``shift`` is added to the ids of a frame."""
    for name, length in lengths.items():
        for frame in range(length):
            labels, instances = np.ones((16, 96), np.int64), np.zeros((16, 96), np.int64)
            for thing in (1, 2):
                area = np.s_[8 * thing - 8 : 8 * thing - 2, frame : frame + 10]
                labels[area], instances[area] = 0, thing + shift(frame)
            save_step(folder / name / f'{frame:06d}.png', encode_ids(labels, instances), (11, 0))
    return str(folder)


@pytest.fixture
def classes(tmp_path):
    path = tmp_path / 'classes.json'
    path.write_text(json.dumps(CLASSES))
    return str(path)


def column(rows, name):
    return [row[name] for row in rows]


def test_perfect_in_every_section(tmp_path, classes):
    gt = write(tmp_path / 'gt', {'a': 30, 'b': 30})
    result = tool.measure(gt, gt, tool.read_classes(classes), 10)
    assert [row['frames'] for row in result['section']] == [[0, 10], [10, 20], [20, 30]]
    assert [row['frames'] for row in result['start']] == [[0, 10], [0, 20], [0, 30]]
    for kind in ('section', 'start'):
        for number in ('AQ', 'SQ', 'STQ'):
            assert column(result[kind], number) == [1, 1, 1]


def test_ids_that_all_change_cost_nothing_within_sections(tmp_path, classes):
    gt = write(tmp_path / 'gt', {'a': 40})
    pred = write(tmp_path / 'pred', {'a': 40}, shift=lambda frame: 2 * (frame >= 20))
    result = tool.measure(gt, pred, tool.read_classes(classes), 10)
    assert column(result['section'], 'AQ') == [1, 1, 1, 1]
    # [0, 30): tubes of 20 and 10 of 30 frames: (20 * 20/30 + 10 * 10/30) / 30; [0, 40): two halves
    assert column(result['start'], 'AQ') == pytest.approx([1, 1, (20 * 20 + 10 * 10) / 900, 0.5])
    assert column(result['start'], 'SQ') == [1, 1, 1, 1]


def test_a_video_counts_where_it_has_all_frames(tmp_path, classes, capsys):
    gt = write(tmp_path / 'gt', {'long': 25, 'short': 19})
    # the short one is wrong from its 10th frame on, in the part of a section that it does not fill
    pred = write(tmp_path / 'pred', {'long': 25, 'short': 19}, shift=lambda frame: 0)
    write(tmp_path / 'pred', {'short': 19}, shift=lambda frame: frame if frame >= 10 else 0)
    out = tmp_path / 'out' / 'drift.json'
    arguments = ['--gt', gt, '--pred', f'mine={pred}', '--classes', classes, '--out', str(out)]
    assert tool.main(arguments) == 0
    rows = json.loads(out.read_text())['predictions']['mine'][0]
    assert column(rows['section'], 'videos') == column(rows['start'], 'videos') == [2, 1]
    assert column(rows['start'], 'AQ') == [1, 1]
    lines = [[x.strip() for x in line.strip('|').split('|')] for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ['prediction', 'number', 'frames', '0 to 9', '10 to 19']
    assert lines[2] == ['videos', '', '', '2', '1']
    assert lines[3] == ['mine', 'AQ', 'in the section', '100.0', '100.0']
    assert [line[1:3] for line in lines[4:6]] == [['AQ', 'from the start'], ['SQ', 'in the section']]


def test_folders_of_one_name_are_averaged(tmp_path, classes, capsys):
    gt = write(tmp_path / 'gt', {'a': 20})
    pred = write(tmp_path / 'pred', {'a': 20}, shift=lambda frame: 2 * (frame >= 10))
    assert tool.main(['--gt', gt, '--pred', f'x={gt}', f'x={pred}', pred, '--classes', classes]) == 0
    text = capsys.readouterr().out
    # AQ from the start over 20 frames: 1 and 0.5; their standard deviation is 0.5 / sqrt(2)
    assert '| x | AQ | from the start | 100.0 ± 0.0 | 75.0 ± 35.4 |' in text
    assert '| pred | AQ | from the start | 100.0 | 50.0 |' in text


def test_classes_of_a_synthetic_set(tmp_path):
    path = tmp_path / 'synthetic.json'
    rows = [dict(name='grass', raw_id=0, is_thing=False), dict(name='disc', raw_id=3, is_thing=True)]
    path.write_text(json.dumps(dict(generator_version=2, classes=rows)))
    table = tool.read_classes(str(path))
    assert table.names == ('disc', 'grass') and table.ids == (3, 0) and table.things == (0,)


@pytest.mark.parametrize(
    'length, lengths, message',
    [('10', {'a': 9}, 'no video has 10 frames'), ('5', {'b': 9}, "video 'a' is missing")],
)
def test_what_cannot_be_scored(tmp_path, classes, capsys, length, lengths, message):
    gt = write(tmp_path / 'gt', {'a': 9})
    pred = write(tmp_path / 'pred', lengths)
    assert tool.main(['--gt', gt, '--pred', pred, '--classes', classes, '--length', length]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith('error: ') and message in captured.err and not captured.out
