"""The ablation runner: what it runs in which order, how it goes on, and the table that it writes."""

import json
from pathlib import Path

import pytest

from tests.tool_module import load_tool
from videoseg.utils.config import load_config

PLAN = """
work_dir = {work_dir!r}
seeds = (3, 4)
metrics = ('stq/STQ', 'vpq/VPQ')
published_metrics = ('stq/STQ',)
tables = [
    dict(
        name='one',
        title='First set',
        start=dict(config={config!r}),
        config={config!r},
        rows=[
            dict(name='plain', title='Plain', options={{'model.a': None}}, published=(67.5,)),
            dict(name='other_tracker', options={{'model.b': 2}}, weights_of='plain'),
            dict(name='full', options={{}}),
        ],
    ),
]
"""


@pytest.fixture
def tool(monkeypatch):
    return load_tool('analysis_tools/run_ablation.py')


@pytest.fixture
def plan(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text('max_iters = 5\n')
    path = tmp_path / 'plan.py'
    path.write_text(PLAN.format(work_dir=str(tmp_path / 'work'), config=str(config)))
    return path


class Scripts:
    """Stands in for train.py and test.py: keeps the commands and leaves what they would leave."""

    def __init__(self, scores=(0.5,)):
        self.commands, self.scores, self.fail_at = [], iter(scores), None

    def __call__(self, command, log):
        self.commands.append(command)
        if '--work-dir' not in command:
            return
        folder = Path(command[command.index('--work-dir') + 1])
        folder.mkdir(parents=True, exist_ok=True)
        if command[0].endswith('train.py'):
            (folder / 'last_checkpoint').write_text(f'{folder}/iter_5.pth')
        if self.fail_at == len(self.commands):
            raise RuntimeError('killed')
        if command[0].endswith('test.py'):
            score = next(self.scores)
            out = Path(command[command.index('--out') + 1])
            out.write_text(json.dumps({'metrics': {'stq/STQ': score, 'vpq/VPQ': score / 2}}))
            if '--pred-dir' in command:
                Path(command[command.index('--pred-dir') + 1]).mkdir(exist_ok=True)

    def lines(self):
        return [' '.join([Path(c[0]).stem, *c[2:]]) for c in self.commands]


def run(tool, monkeypatch, plan, scripts, *arguments):
    monkeypatch.setattr(tool, 'call', scripts)
    return tool.main([str(plan), *arguments])


def test_seed_by_seed_each_row_from_the_common_start(tool, monkeypatch, plan, tmp_path):
    scripts = Scripts([0.5, 0.6, 0.7, 0.52, 0.6, 0.8])
    assert run(tool, monkeypatch, plan, scripts) == 0
    work = f'{tmp_path}/work/one'
    start = f'load_from={work}/start/iter_5.pth'
    plain = f'--work-dir {work}/plain/seed3'
    other = f'{work}/other_tracker/seed3'
    lines = scripts.lines()
    assert lines[0] == f'train --work-dir {work}/start --seed 3'
    assert lines[1] == f'train {plain} --seed 3 --cfg-options {start} model.a=None'
    assert lines[2].startswith(f'test {work}/plain/seed3/iter_5.pth ') and lines[2].endswith('model.a=None')
    # the same weights under other options: tested, not trained
    assert lines[3].startswith(f'test {work}/plain/seed3/iter_5.pth --work-dir {other}/test')
    assert lines[3].endswith(f'--out {other}/results.json --cfg-options model.b=2')
    assert [line.split('/one/')[1].split(' ')[0].split('/')[0] for line in lines[4:6]] == ['full', 'full']
    assert len(lines) == 1 + 2 * (2 + 1 + 2)
    assert all('seed3' not in line for line in lines[6:])


def test_table_has_mean_spread_and_the_published_number(tool, monkeypatch, plan, tmp_path, capsys):
    run(tool, monkeypatch, plan, Scripts([0.5, 0.6, 0.7, 0.54, 0.6, 0.7]), '--rows', 'plain', 'other_tracker')
    text = (tmp_path / 'work' / 'table.md').read_text()
    assert text.strip() == capsys.readouterr().out.strip().split('\n', 1)[1][-len(text.strip()) :]
    rows = [[x.strip() for x in line.strip('|').split('|')] for line in text.splitlines() if line.startswith('|')]
    assert rows[0] == ['row', 'STQ', 'VPQ', 'published STQ', 'seeds', 'CPU min a run']
    # seed 3: .5 and .6, seed 4: .7 and .54; standard deviations of two numbers are their difference / sqrt(2)
    assert rows[2][:5] == ['Plain', '60.0 ± 14.1', '30.0 ± 7.1', '67.5', '3, 4']
    assert rows[3][:5] == ['other_tracker', '57.0 ± 4.2', '28.5 ± 2.1', '', '3, 4']
    assert rows[4] == ['full', 'not run', 'not run', '', '-', '-']
    assert 'All rows start from' in text


def test_goes_on_where_it_stopped(tool, monkeypatch, plan, capsys):
    scripts = Scripts([0.5] * 6)
    scripts.fail_at = 2  # in the first training after the start, which had saved a checkpoint
    assert run(tool, monkeypatch, plan, scripts) == 1
    assert 'killed' in capsys.readouterr().err
    again = Scripts([0.5] * 6)
    assert run(tool, monkeypatch, plan, again) == 0
    first = again.lines()[0]
    assert 'plain/seed3' in first and '--resume' in first
    assert not any('/start --seed' in line for line in again.lines())
    last = Scripts()
    assert run(tool, monkeypatch, plan, last) == 0
    assert last.commands == []


def test_dry_run_and_report_run_nothing(tool, monkeypatch, plan, capsys):
    scripts = Scripts()
    assert run(tool, monkeypatch, plan, scripts, '--dry-run', '--seeds', '4') == 0
    lines = capsys.readouterr().out.splitlines()
    named = ['work/one/start', 'one/plain/seed4', 'one/other_tracker/seed4', 'one/full/seed4']
    assert [line.split(':')[0] for line in lines] == named
    assert run(tool, monkeypatch, plan, scripts, '--report') == 0
    assert capsys.readouterr().out.count('not run') == 7
    assert scripts.commands == []


def test_other_settings_are_not_mixed_in(tool, monkeypatch, plan, tmp_path, capsys):
    scripts = Scripts([0.5] * 6)
    run(tool, monkeypatch, plan, scripts, '--seeds', '3', '--rows', 'plain')
    (tmp_path / 'config.py').write_text('max_iters = 6\n')
    again = Scripts()
    assert run(tool, monkeypatch, plan, again, '--seeds', '3', '--rows', 'plain') == 1  # though all is finished
    assert 'was started with other settings' in capsys.readouterr().err
    (tmp_path / 'work' / 'one' / 'plain' / 'seed3' / 'results.json').unlink()
    assert run(tool, monkeypatch, plan, again, '--seeds', '3', '--rows', 'plain') == 1
    assert 'was started with other settings' in capsys.readouterr().err and again.commands == []


def test_a_row_on_weights_that_are_not_there(tool, monkeypatch, plan, capsys):
    assert run(tool, monkeypatch, plan, Scripts(), '--rows', 'other_tracker') == 1
    assert 'plain/seed3 is needed' in capsys.readouterr().err


@pytest.mark.parametrize(
    'old, new, message',
    [
        ("name='full'", "name='plain'", "the name 'plain' is used twice"),
        ("weights_of='plain'", "weights_of='full'", "weights_of='full' is no trained row above it"),
        ("title='Plain'", "tilte='Plain'", "unknown key 'tilte'"),
        ('seeds = (3, 4)', 'seeds = (3, 3)', 'seeds must be different numbers'),
        ("metrics = ('stq/STQ', 'vpq/VPQ')", '', 'metrics is missing'),
        ("dict(name='full', options={})", "dict(name='full')", "'options' is missing"),
        ("dict(name='full', options={}", "dict(name='full', options={}, start='foo'", "start='foo' is no trained row"),
        ("weights_of='plain'", "weights_of='two/plain'", "weights_of='two/plain' is no trained row above it"),
        ("weights_of='plain'", "weights_of='plain', start=None", 'start is for rows that train'),
        ('seeds = (3, 4)', 'seeds = (3, 4)\ncosts = dict(frames=1)', 'costs needs at least 2 frames'),
        ('seeds = (3, 4)', 'seeds = (3, 4)\ncosts = dict(frame=9)', "unknown key 'frame'"),
    ],
)
def test_mistakes_in_the_plan(tool, monkeypatch, plan, capsys, old, new, message):
    assert old in plan.read_text()
    plan.write_text(plan.read_text().replace(old, new, 1))
    assert run(tool, monkeypatch, plan, Scripts()) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize('option', [('--rows', 'foo'), ('--table', 'foo'), ('--seeds', '9')])
def test_choice_that_does_not_exist(tool, monkeypatch, plan, capsys, option):
    assert run(tool, monkeypatch, plan, Scripts(), *option) == 1
    assert f'{option[0]} {option[1]}: there are' in capsys.readouterr().err


MORE_TABLES = """
    dict(
        name='two',
        title='Second set',
        config={config!r},
        predictions=True,
        rows=[
            dict(name='same', options={{}}, weights_of='one/full'),
            dict(name='next', options={{}}, start='one/plain'),
        ],
    ),
    dict(
        name='three',
        title='Elsewhere',
        start=dict(config={config!r}),
        config={config!r},
        on_request=True,
        rows=[
            dict(name='started', title='Started', options={{}}),
            dict(name='alone', title='Alone', options={{}}, start=None),
            dict(name='on', title='On', options={{}}, start='alone'),
        ],
    ),
]
"""


@pytest.fixture
def long_plan(plan, tmp_path):
    text = plan.read_text().rstrip().removesuffix(']') + MORE_TABLES.format(config=str(tmp_path / 'config.py'))
    plan.write_text(text)
    return plan


def test_rows_that_go_on_from_rows_of_other_tables(tool, monkeypatch, long_plan, tmp_path):
    scripts = Scripts([0.5] * 5)
    assert run(tool, monkeypatch, long_plan, scripts, '--seeds', '4') == 0
    work, lines = f'{tmp_path}/work', scripts.lines()
    assert lines[6].startswith(f'test {work}/one/full/seed4/iter_5.pth --work-dir {work}/two/same/seed4/test')
    assert f'--pred-dir {work}/two/same/seed4/predictions' in lines[6]
    assert '--pred-dir' not in ' '.join(lines[:6])
    assert lines[7].startswith(f'train --work-dir {work}/two/next/seed4')
    assert lines[7].endswith(f'load_from={work}/one/plain/seed4/iter_5.pth')
    assert len(lines) == 9  # the third table was not asked for


def test_tables_on_request_and_rows_that_do_not_start_there(tool, monkeypatch, long_plan, tmp_path, capsys):
    work = f'{tmp_path}/work/three'
    alone = Scripts([0.5])
    assert run(tool, monkeypatch, long_plan, alone, '--table', 'three', '--seeds', '3', '--rows', 'alone') == 0
    assert alone.lines()[0] == f'train --work-dir {work}/alone/seed3 --seed 3'
    assert not Path(work, 'start').exists()
    scripts = Scripts([0.5] * 2)
    assert run(tool, monkeypatch, long_plan, scripts, '--table', 'three', '--seeds', '3') == 0
    lines = scripts.lines()
    assert [line.split(' ')[0] for line in lines] == ['train', 'train', 'test', 'train', 'test']
    assert lines[1].endswith(f'load_from={work}/start/iter_5.pth')
    assert lines[3].endswith(f'load_from={work}/alone/seed3/iter_5.pth')
    assert f'Of the trained rows, "Started" starts from `{tmp_path}/config.py`' in capsys.readouterr().out


def test_the_start_of_several_rows_and_of_none(tool, long_plan):
    text = long_plan.read_text()
    long_plan.write_text(text.replace("title='On', options={}, start='alone'", "title='On', options={}"))
    assert 'Of the trained rows, "Started", "On" start from' in tool.report(tool.read_plan(str(long_plan))[0])
    for old in ("dict(name='started', title='Started', options={}),", "start='alone'"):
        assert old in text
        text = text.replace(old, '' if old.endswith(',') else 'start=None')
    long_plan.write_text(text)
    report = tool.report(tool.read_plan(str(long_plan))[0])
    assert 'rows start from' not in report.split('### Elsewhere')[1]
    assert 'All rows start from' in report.split('### Second set')[0]


def test_predictions_that_are_missing_are_made_again(tool, monkeypatch, long_plan, tmp_path):
    assert run(tool, monkeypatch, long_plan, Scripts([0.5] * 5), '--seeds', '4') == 0
    kept = tmp_path / 'work' / 'two' / 'same' / 'seed4' / 'predictions'
    again = Scripts([0.5])
    assert run(tool, monkeypatch, long_plan, again, '--seeds', '4') == 0 and again.commands == []
    kept.rmdir()
    assert run(tool, monkeypatch, long_plan, again, '--seeds', '4') == 0
    assert [line.split(' ')[0] for line in again.lines()] == ['test'] and kept.is_dir()


def test_settings_of_finished_runs_stay_comparable(tool, long_plan):
    tables, _ = tool.read_plan(str(long_plan))
    plain, kept = tables[0].rows[0].runs[0], tables[1].rows[0].runs[0]
    assert kept.predictions and not plain.predictions
    names = ['config', 'config_sha256', 'options', 'seed', 'train', 'needs']
    assert list(plain.settings()) == list(kept.settings()) == names
    assert plain.settings()['needs'] == tables[0].start.settings()
    marks = [x.settings_sha256() for x in (plain, tool.read_plan(str(long_plan))[0][0].rows[0].runs[0], kept)]
    assert marks[0] == marks[1] != marks[2]


def test_costs_are_columns_and_measured_in_one_process_a_table(tool, monkeypatch, plan, tmp_path, capsys):
    scripts = Scripts([0.5, 0.6])
    assert run(tool, monkeypatch, plan, scripts, '--cost', '--report') == 1
    assert 'needs costs=dict(frames=...) in the plan' in capsys.readouterr().err
    plan.write_text(plan.read_text() + 'costs = dict(frames=8)\n')
    assert run(tool, monkeypatch, plan, scripts, '--cost', '--seeds', '3', '--rows', 'plain', 'other_tracker') == 0
    assert scripts.lines()[-1] == 'ablation_costs --table one'
    assert sum('ablation_costs' in line for line in scripts.lines()) == 1
    assert run(tool, monkeypatch, plan, scripts, '--report', '--cost', '--device', 'cuda:1') == 0
    assert scripts.lines()[-1] == 'ablation_costs --table one --device cuda:1'
    (tmp_path / 'work' / 'one' / 'plain' / 'seed3' / 'cost.json').write_text(
        json.dumps({'train': {'cpu_s': 90}, 'test': {'cpu_s': 30}})
    )
    planned = tool.read_plan(str(plan))[0][0].rows[0].runs[0]
    measured = dict(parameters=2_346_000, decoder=1_000_000, first_ms=41.6, frame_ms=12.4, seed=3)
    rows = {'plain': dict(measured, settings_sha256=planned.settings_sha256())}
    (tmp_path / 'work' / 'one' / 'costs.json').write_text(json.dumps({'how': 'Measured so.', 'rows': rows}))
    capsys.readouterr()
    assert run(tool, monkeypatch, plan, scripts, '--report') == 0
    text = capsys.readouterr().out
    lines = [[x.strip() for x in line.strip('|').split('|')] for line in text.splitlines() if line.startswith('|')]
    costs = ['M parameters', 'in the decoder', 'ms first frame', 'ms/frame', 'training CPU min']
    assert lines[0] == ['row', 'STQ', 'VPQ', 'published STQ', *costs, 'seeds', 'CPU min a run']
    assert lines[2] == ['Plain', '50.0', '25.0', '67.5', '2.35', '1.00', '42', '12', '1.5', '3', '2.0']
    assert lines[3][4:9] == lines[4][4:9] == ['-'] * 5  # tested only and not measured; not run
    assert 'Measured so.' in text
    (tmp_path / 'config.py').write_text('max_iters = 6\n')  # another model than was measured
    report = tool.report(tool.read_plan(str(plan))[0])
    assert '| Plain | 50.0 | 25.0 | 67.5 | - | - | - | - | 1.5 | 3 | 2.0 |' in report


def test_a_device_is_for_the_costs(tool, monkeypatch, plan, capsys):
    with pytest.raises(SystemExit):
        run(tool, monkeypatch, plan, Scripts(), '--device', 'cuda')
    assert '--device cuda: needs --cost' in capsys.readouterr().err


def test_a_number_that_a_row_does_not_have_is_not_called_not_run(tool, monkeypatch, plan, tmp_path):
    plan.write_text(plan.read_text().replace("'vpq/VPQ')", "'ap/AP')"))
    run(tool, monkeypatch, plan, Scripts([0.5]), '--seeds', '3', '--rows', 'plain')
    table = (tmp_path / 'work' / 'table.md').read_text()
    assert '| Plain | 50.0 | - |' in table and '| full | not run | not run |' in table


def test_the_plan_of_video_knet_names_configs_and_options_that_exist(tool):
    tables, plan = tool.read_plan('configs/ablation/video_knet.py')
    assert [len(table.rows) for table in tables] == [5, 5]
    assert len(plan.seeds) >= 3
    for table in tables:
        switches = []
        for planned in [table.start, *(row.runs[0] for row in table.rows)]:
            decoder = load_config(planned.config, planned.options).model.decoder
            switches.append([decoder.get(name) is not None for name in ('embedding_head', 'linking', 'fusion')])
        off = [False, False, False]
        assert switches == [off, off, off, [True, False, False], [True, True, False], [True, True, True]]


def test_the_plan_of_tube_link_trains_on_as_many_frames_in_every_row(tool):
    tables, _ = tool.read_plan('configs/ablation/tube_link.py')
    assert [table.name for table in tables] == ['synthetic', 'camvid', 'vis', 'vss']
    for table, num_frames in zip(tables[:2], (8, 4), strict=True):
        found = {}
        for row in table.rows:
            run = row.runs[0]
            cfg = load_config(run.config, run.options)
            window = cfg.test_dataloader.sampler.window
            assert window == cfg.model.test_cfg.window
            frames = cfg.train_dataloader.dataset.pipeline[0].consecutive
            assert frames * cfg.train_dataloader.batch_size == num_frames
            decoder = cfg.model.decoder
            switches = decoder.association is not None, decoder.link is not None
            tube = frames // 2 if switches[0] else frames
            found[row.name] = (tube, *switches, window, run.train)
        trained = {name: values[:4] for name, values in found.items() if values[4]}
        assert trained == dict(
            per_frame=(1, False, False, 1),
            tubes=(2, False, False, 2),
            tcl=(2, True, False, 2),
            ctl=(2, True, True, 2),
            tubes_of_1=(1, True, True, 1),
        )
        assert [values[3] for name, values in found.items() if name.startswith('window')] == [1, 4, 6, 8]
