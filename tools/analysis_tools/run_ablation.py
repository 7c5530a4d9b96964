"""Train and test the rows of an ablation, seed by seed, and write the table.

python tools/analysis_tools/run_ablation.py configs/ablation/video_knet.py [--table NAME ...] [--rows NAME ...]
    [--seeds 0 1 ...] [--report] [--dry-run] [--cost [--device cuda]]

Seeds come first, so that an interrupted ablation has whole columns. What is finished is skipped and an interrupted
training is resumed: call it again to go on. The table is printed and written to <work_dir>/table.md after every run;
rows that were not run are listed as such. --cost fills the columns of a plan with costs=dict(frames=...), at the end,
see ablation_costs.py; costs of a row whose settings have changed since are not shown.
"""

import argparse
import json
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import find_videoseg
import numpy as np
from ablation_plan import Row, Run, Table, read_json, read_plan
from markdown_table import mean_and_spread, table_line

from videoseg.evaluation.formats.files import write_json

TOOLS = Path(find_videoseg.__file__).resolve().parents[1]


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('plan', help='ablation file, for example configs/ablation/video_knet.py')
    parser.add_argument('--table', nargs='+', help='only these tables')
    parser.add_argument('--rows', nargs='+', help='only these rows')
    parser.add_argument('--seeds', nargs='+', type=int, help='only these of its seeds')
    parser.add_argument('--report', action='store_true', help='only print and write the table')
    parser.add_argument('--dry-run', action='store_true', help='only print the commands that are left')
    parser.add_argument('--cost', action='store_true', help='measure what the rows cost when all is run')
    parser.add_argument('--device', help='where --cost measures; default: a GPU if there is one')
    args = parser.parse_args(arguments)
    if args.device and not args.cost:
        parser.error(f'--device {args.device}: needs --cost')
    return args


def chosen_runs(tables: list[Table], args: argparse.Namespace) -> Iterator[Run]:
    """The runs to make, in order: per table the common start, then seed by seed all rows.

    Raises:
        ValueError: If a chosen table, row or seed does not exist.
    """
    known = {
        'table': [x.name for x in tables],
        'rows': [row.name for x in tables for row in x.rows],
        'seeds': [run.seed for x in tables for row in x.rows for run in row.runs],
    }
    for name, there in known.items():
        if wrong := [x for x in getattr(args, name) or [] if x not in there]:
            raise ValueError(f'--{name} {wrong[0]}: there are {list(dict.fromkeys(there))}')
    for table in tables:
        if not (table.name in args.table if args.table else not table.on_request):
            continue
        runs = [run for row in table.rows if not args.rows or row.name in args.rows for run in row.runs]
        runs = [run for run in runs if not args.seeds or run.seed in args.seeds]
        if table.start and any(table.start is run.needs for run in runs):
            yield table.start
        yield from sorted(runs, key=lambda run: (args.seeds or known['seeds']).index(run.seed))


def commands(run: Run) -> Iterator[list[str]]:
    """Command lines that are left to do of a run."""
    options = [f'{key}={value}' for key, value in run.options.items()]
    if run.train and not run.finished.is_file():
        line = [str(TOOLS / 'train.py'), run.config, '--work-dir', str(run.folder), '--seed', str(run.seed)]
        if (run.folder / 'last_checkpoint').is_file():
            line.append('--resume')
        start = [f'load_from={run.needs.checkpoint()}'] if run.needs else []
        yield [*line, *_cfg_options(start + options)]
    if run.test and not run.tested:
        checkpoint = run.weights.checkpoint()
        line = [str(TOOLS / 'test.py'), run.config, checkpoint, '--work-dir', str(run.folder / 'test')]
        if run.predictions:
            line += ['--pred-dir', str(run.predictions)]
        yield [*line, '--out', str(run.results), *_cfg_options(options)]


def _cfg_options(options: list[str]) -> list[str]:
    return ['--cfg-options', *options] if options else []


def check_folder(run: Run) -> None:
    """Compare the settings noted in the folder of a run, if any, with those of the plan.

    Raises:
        ValueError: If the folder was made with other settings: numbers of two settings must not be mixed.
    """
    noted = run.folder / 'settings.json'
    if noted.is_file() and read_json(noted) != json.loads(json.dumps(run.settings())):
        raise ValueError(f'{run.folder}: was started with other settings ({noted}); remove the folder or use another')


def prepare_folder(run: Run) -> None:
    """Make the folder of a run and note its settings there.

    Raises:
        ValueError: As :func:`check_folder`.
    """
    check_folder(run)
    run.folder.mkdir(parents=True, exist_ok=True)
    write_json(run.folder / 'settings.json', run.settings(), indent=1)


def call(command: list[str], log: Path) -> None:
    """Run a script of this project with its output in a log file.

    Raises:
        RuntimeError: If it fails; with the end of the log.
    """
    with open(log, 'a', encoding='utf-8') as file:
        process = subprocess.Popen([sys.executable, *command], stdout=file, stderr=subprocess.STDOUT)
        try:
            status = process.wait()
        finally:
            if process.poll() is None:  # interrupted
                process.kill()
                process.wait()  # only then is its CPU time known
    if status:
        tail = ''.join(log.read_text(encoding='utf-8', errors='replace').splitlines(keepends=True)[-15:])
        raise RuntimeError(f'{shlex.join(command)}\nfailed with status {status}; the end of {log}:\n{tail}')


def execute(run: Run) -> None:
    """Do what is left of a run, and add the time that it took to ``cost.json``, also where it fails or is interrupted.

    Only a signal that ends this process on the spot (SIGKILL, SIGTERM) loses the time of the step under way.
    """
    prepare_folder(run)
    for command in commands(run):  # lazily: the test is named when the training has left its checkpoint
        step = Path(command[0]).stem
        print(f'[{time.strftime("%H:%M:%S")}] {run.name}: {step}', flush=True)
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
        try:
            call(command, run.folder / f'{step}.log')
            if step == 'train':
                run.finished.touch()
        finally:
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            _add_cost(run, step, used, time.time() - started)


def _add_cost(run: Run, step: str, cpu_s: float, wall_s: float) -> None:
    cost = read_json(run.folder / 'cost.json')
    earlier = cost.get(step, {})
    cost[step] = {
        'cpu_s': round(earlier.get('cpu_s', 0) + cpu_s, 1),
        'wall_s': round(earlier.get('wall_s', 0) + wall_s, 1),
    }
    write_json(run.folder / 'cost.json', cost, indent=1)


COSTS = {
    'parameters': ('M parameters', 1e-6, '.2f'),
    'decoder': ('in the decoder', 1e-6, '.2f'),
    'first_ms': ('ms first frame', 1, '.0f'),
    'frame_ms': ('ms/frame', 1, '.0f'),
}
"""Numbers of ``costs.json``: heading, factor and format."""


def report(tables: list[Table]) -> str:
    """Markdown of all tables: mean ± standard deviation over the seeds that were run, in percent."""
    lines = []
    for table in tables:
        head = ['row', *(x.split('/')[-1] for x in table.metrics)]
        if table.published_metrics:
            head.append('published ' + ' / '.join(x.split('/')[-1] for x in table.published_metrics))
        if table.cost_frames:
            head += [heading for heading, *_ in COSTS.values()] + ['training CPU min']
        head += ['seeds', 'CPU min a run']
        costs = read_json(table.costs)
        lines += [f'### {table.title}', '', table_line(head), table_line(['---'] * len(head))]
        lines += [table_line(_cells(row, table, _costs_of(row, costs))) for row in table.rows]
        if table.start and (starting := _starting(table)):
            lines += ['', f'{starting} from `{table.start.config}`{_start_cost(table.start)}.']
        if costs and table.cost_frames:
            lines += ['', costs['how']]
        lines.append('')
    return '\n'.join(lines)


def _costs_of(row: Row, costs: dict[str, Any]) -> dict[str, float]:
    """What ``costs.json`` says of a row; nothing if it was measured with other settings than it has now."""
    found = costs.get('rows', {}).get(row.name, {})
    run = next((run for run in row.runs if run.seed == found.get('seed')), None)
    return found if run and found.get('settings_sha256') == run.settings_sha256() else {}


def _cells(row: Row, table: Table, costs: dict[str, float]) -> list[str]:
    done = [run for run in row.runs if run.results.is_file()]
    values = [read_json(run.results)['metrics'] for run in done]
    cells = [row.title]
    for metric in table.metrics:
        numbers = [x[metric] for x in values if x.get(metric) is not None]
        cells.append(mean_and_spread(numbers) if numbers else '-' if done else 'not run')
    if table.published_metrics:
        cells.append(' / '.join(str(x) for x in row.published) if row.published else '')
    spent = [read_json(run.folder / 'cost.json') for run in done]
    if table.cost_frames:
        cells += [f'{costs[x] * factor:{form}}' if x in costs else '-' for x, (_, factor, form) in COSTS.items()]
        cells.append(_minutes([x['train']['cpu_s'] for x in spent if 'train' in x]))
    cells.append(', '.join(str(run.seed) for run in done) or '-')
    return [*cells, _minutes([sum(part['cpu_s'] for part in x.values()) for x in spent])]


def _minutes(seconds: list[float]) -> str:
    return f'{np.mean(seconds) / 60:.1f}' if seconds else '-'


def _starting(table: Table) -> str:
    """Which rows start from the table's start, as the beginning of a sentence; empty if there are none."""
    trained = [row for row in table.rows if row.runs[0].train]
    starting = [f'"{row.title}"' for row in trained if row.runs[0].needs is table.start]
    if not starting or len(starting) == len(trained):
        return 'All rows start' if starting else ''
    return f'Of the trained rows, {", ".join(starting)} {"start" if len(starting) > 1 else "starts"}'


def _start_cost(start: Run) -> str:
    cost = read_json(start.folder / 'cost.json').get('train')
    return f' ({cost["cpu_s"] / 60:.0f} CPU minutes)' if cost else ' (not run)'


def measure_costs(tables: list[Table], args: argparse.Namespace) -> None:
    """Have the costs of the chosen tables measured, as far as they were run, each in a process of its own.

    Raises:
        ValueError: If the plan does not say on how many frames.
        RuntimeError: If it fails.
    """
    for table in tables:
        if table.cost_frames is None:
            raise ValueError(f'{args.plan}: --cost needs costs=dict(frames=...) in the plan')
        was_run = any(run.results.is_file() for row in table.rows for run in row.runs)
        if was_run and (not args.table or table.name in args.table):
            script = TOOLS / 'analysis_tools' / 'ablation_costs.py'
            device = ['--device', args.device] if args.device else []
            call([str(script), args.plan, '--table', table.name, *device], table.folder / 'costs.log')


def write_report(tables: list[Table], plan: dict[str, Any]) -> str:
    """Write ``table.md`` into the work dir; returns its text."""
    text = report(tables)
    folder = Path(plan['work_dir'])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'table.md').write_text(text, encoding='utf-8')
    return text


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    args = parse_args(arguments)
    try:
        tables, plan = read_plan(args.plan)
        runs = [] if args.report else list(chosen_runs(tables, args))
        for run in runs:  # finished ones too, which stand in the table
            check_folder(run)
        runs = [run for run in runs if not run.done]
        if args.dry_run:
            for run in runs:
                print(f'{run.name}: {run.config} {" ".join(f"{k}={v}" for k, v in run.options.items())}')
            return 0
        for table in tables:
            if table.prepare and any(run.folder.is_relative_to(table.folder) for run in runs):
                table.folder.mkdir(parents=True, exist_ok=True)
                call([str(TOOLS.parent / table.prepare[0]), *table.prepare[1:]], table.folder / 'prepare.log')
        for number, run in enumerate(runs):
            print(f'run {number + 1} of {len(runs)}', flush=True)
            execute(run)
            write_report(tables, plan)
        if args.cost:
            measure_costs(tables, args)
    except (OSError, ValueError, RuntimeError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(write_report(tables, plan))
    return 0


if __name__ == '__main__':
    sys.exit(main())
