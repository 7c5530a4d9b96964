"""The VIS and VSS tables of Tube-Link's ablation, and columns that a table has for itself."""

import json

import pytest

from tests.tool_module import load_tool
from videoseg.datasets.synthetic import get_preset
from videoseg.structures.windows import cut_windows
from videoseg.utils.config import load_config

PLAN = 'configs/ablation/tube_link.py'


@pytest.fixture(scope='module')
def tool():
    return load_tool('analysis_tools/run_ablation.py')


@pytest.fixture(scope='module')
def tables(tool):
    return {table.name: table for table in tool.read_plan(PLAN)[0]}


def rows_of(table):
    """Name -> (config, windows of the sampler, its run) of a table's rows; model and data must agree."""
    found = {}
    for row in table.rows:
        run = row.runs[0]
        cfg = load_config(run.config, run.options)
        assert {k: v for k, v in cfg.test_dataloader.sampler.items() if k != 'type'} == cfg.model.test_cfg
        found[row.name] = cfg, cfg.test_dataloader.sampler, run
    return found


def test_vis_rows(tables):
    found = rows_of(tables['vis'])
    trained = {name for name, (_, _, run) in found.items() if run.train}
    assert trained == {'minvis', 'tubes'}
    windows = {name: sampler.window for name, (_, sampler, _) in found.items()}
    assert windows == dict(
        minvis=1,
        minvis_window_2=2,
        minvis_window_4=4,
        minvis_window_6=6,
        tubes=4,
        tubes_window_1=1,
        tubes_window_2=2,
        tubes_window_6=6,
        tubes_window_8=8,
    )
    for name, (cfg, sampler, run) in found.items():
        assert cfg.model.tracker.type == 'QueryMatchingTracker'
        assert cfg.model.decoder.get('query_tap', 'raw') == ('normed' if name.startswith('minvis') else 'raw')
        if not run.train:
            assert run.needs.folder.parent.name == name.split('_window')[0]
        # no two rows of the same weights see the same windows
        frames = get_preset('vis').val_frames
        longest = max(stop - start for start, stop, _ in cut_windows(frames, sampler.window, 0, sampler.policy))
        assert longest == sampler.window


def test_vis_rows_train_on_as_many_frames(tables):
    found = rows_of(tables['vis'])
    seen, schedules = {}, []
    for name in ('minvis', 'tubes'):
        cfg = found[name][0]
        frames = cfg.train_dataloader.dataset.pipeline[0].consecutive
        seen[name] = frames, cfg.train_dataloader.batch_size
        schedules.append(
            (cfg.train_cfg, cfg.optim_wrapper, cfg.param_scheduler, cfg.train_dataloader.dataset.pipeline[1:])
        )
    assert seen == dict(minvis=(1, 8), tubes=(4, 2))
    assert schedules[0] == schedules[1]


def test_vss_rows(tables):
    found = rows_of(tables['vss'])
    assert {name: (sampler.window, run.train) for name, (_, sampler, run) in found.items()} == dict(
        tubes=(6, True), window_1=(1, False), window_2=(2, False), window_4=(4, False)
    )
    assert all(run.needs.folder.parent.name == 'tubes' for _, _, run in found.values() if not run.train)


def test_a_table_may_have_columns_of_its_own(tool, tmp_path):
    config = tmp_path / 'config.py'
    config.write_text('max_iters = 5\n')
    row = f"config={str(config)!r}, rows=[dict(name='a', options={{}}, published=(47.4,))]"
    plan = tmp_path / 'plan.py'
    plan.write_text(
        f'work_dir = {str(tmp_path / "work")!r}\nseeds = (0,)\n'
        "metrics = ('stq/STQ',)\npublished_metrics = ('stq/STQ',)\n"
        f"tables = [dict(name='one', {row}), "
        f"dict(name='two', metrics=('ap/AP', 'ap/AR10'), published_metrics=('ap/AP',), {row}), "
        f"dict(name='three', published_metrics=(), {row})]\n"
    )
    for name in ('one', 'two', 'three'):
        results = tmp_path / 'work' / name / 'a' / 'seed0' / 'results.json'
        results.parent.mkdir(parents=True)
        results.write_text(json.dumps({'metrics': {'stq/STQ': 0.25, 'ap/AP': 0.5, 'ap/AR10': 0.75}}))
    text = tool.report(tool.read_plan(str(plan))[0])
    lines = [[x.strip() for x in line.strip('|').split('|')] for line in text.splitlines() if line.startswith('|')]
    heads, rows = lines[::3], lines[2::3]
    assert [head[: head.index('seeds')] for head in heads] == [
        ['row', 'STQ', 'published STQ'],
        ['row', 'AP', 'AR10', 'published AP'],
        ['row', 'STQ'],
    ]
    assert [row[1:4] for row in rows[:2]] == [['25.0', '47.4', '0'], ['50.0', '75.0', '47.4']]
    assert rows[2][1:3] == ['25.0', '0']
