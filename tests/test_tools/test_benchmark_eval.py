import json

import numpy as np
import pytest

from tests.test_evaluation.layouts import fingerprint
from tests.tool_module import load_tool

tool = load_tool('analysis_tools/benchmark_eval.py')


@pytest.mark.slow
def test_all_parts(tmp_path, capsys):
    assert tool.main(['--small', '--data', str(tmp_path / 'data'), '--out', str(tmp_path / 'out.json')]) == 0
    found = json.loads((tmp_path / 'out.json').read_text())
    assert list(found['speed']) == ['STQ + VPQ(1,2,4,6)', 'VC8 + VC16', 'mIoU', 'AP']
    for row in found['speed'].values():
        assert row['ours'] > 0 and row['numpy'] > 0 and row['ratio'] == pytest.approx(row['ours'] / row['numpy'])
    assert list(found['windows']) == ['1', '1 2 4 6', '1 2 4 6 8 10 12 16']
    assert list(found['frames']) == ['0.25', '0.5', '1'] and list(found['memory']) == ['1', '2']
    assert all(10 < x < 1000 for x in found['memory'].values())
    output = capsys.readouterr().out
    assert 'ours/numpy' in output and 'peak memory' in output


def test_ours_and_the_baselines_count_the_same(tmp_path):
    """The plain passes are timed for the same work: where they give a number, it is ours."""
    tool.make_data(tmp_path / 'data', tool.DataSize.small())
    root = tmp_path / 'data'
    ours = tool.evaluate(tool.vspw(root, ['vss', 'vc']))['metrics']
    assert ours['vss/mIoU'] == pytest.approx(tool.semantic_pass(root / 'vspw'), abs=1e-12)
    assert [ours['vc/VC8'], ours['vc/VC16']] == pytest.approx(
        list(tool.consistency_pass(root / 'vspw').values()), abs=1e-12
    )
    benchmark = tool.vipseg(root, (1, 2))
    statistics = benchmark.build_statistics()
    for video in benchmark.videos:
        benchmark.score_video(video, statistics)
    windows = statistics['vpq'].compute()['per_window']
    matched = sum(np.sum(x['per_class']['IoU_sum']) for x in windows.values())
    assert 0 < matched <= tool.panoptic_pass(root / 'vipseg', (1, 2)) + 1e-9  # which matches across classes too
    assert tool.track_pass(root / 'youtube_vis') > 0


def test_data_are_always_the_same_and_kept(tmp_path):
    for name in ('a', 'b'):
        tool.make_data(tmp_path / name, tool.DataSize.small())
    assert fingerprint(tmp_path / 'a') == fingerprint(tmp_path / 'b')
    before = {x: x.stat().st_mtime_ns for x in (tmp_path / 'a').rglob('*')}
    tool.make_data(tmp_path / 'a', tool.DataSize.small())
    assert {x: x.stat().st_mtime_ns for x in (tmp_path / 'a').rglob('*')} == before


def test_other_folders_are_not_touched(tmp_path, capsys):
    tool.make_data(tmp_path / 'small', tool.DataSize.small())
    assert tool.main(['--data', str(tmp_path / 'small')]) == 1
    assert 'holds data of another size' in capsys.readouterr().err
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine' / 'x').touch()
    assert tool.main(['--small', '--data', str(tmp_path / 'mine')]) == 1
    assert 'is not empty' in capsys.readouterr().err


def test_parts_and_trimming(tmp_path, capsys):
    assert tool.main(['--small', '--data', str(tmp_path / 'data'), '--parts', 'vss', '--repeats', '2']) == 0
    assert 'AP' not in capsys.readouterr().out
    benchmark = tool.vipseg(tmp_path / 'data', (1,), videos=1, share=0.5)
    assert dict(benchmark.videos) == {'video_0000': 4}
    with pytest.raises(SystemExit):
        tool.main(['--repeats', '0'])
