"""Train and test the rows of an ablation, seed by seed, and write the table.

python tools/analysis_tools/run_ablation.py configs/ablation/video_knet.py [--table NAME ...] [--rows NAME ...]
    [--seeds 0 1 ...] [--report] [--dry-run]

Seeds come first, so that an interrupted ablation has whole columns. What is finished is skipped and an interrupted
training is resumed: call it again to go on. The table is printed and written to <work_dir>/table.md after every run;
rows that were not run are listed as such.
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
    return parser.parse_args(arguments)


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
        if args.table and table.name not in args.table:
            continue
        runs = [run for row in table.rows if not args.rows or row.name in args.rows for run in row.runs]
        runs = [run for run in runs if not args.seeds or run.seed in args.seeds]
        if runs and table.start:
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
    if run.test and not run.results.is_file():
        checkpoint = (run if run.train else run.needs).checkpoint()
        line = [str(TOOLS / 'test.py'), run.config, checkpoint, '--work-dir', str(run.folder / 'test')]
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
        status = subprocess.run(
            [sys.executable, *command], stdout=file, stderr=subprocess.STDOUT, check=False
        ).returncode
    if status:
        tail = ''.join(log.read_text(encoding='utf-8', errors='replace').splitlines(keepends=True)[-15:])
        raise RuntimeError(f'{shlex.join(command)}\nfailed with status {status}; the end of {log}:\n{tail}')


def execute(run: Run) -> None:
    """Do what is left of a run, and add the time that it took to ``cost.json``."""
    prepare_folder(run)
    for command in commands(run):  # lazily: the test is named when the training has left its checkpoint
        step = Path(command[0]).stem
        print(f'[{time.strftime("%H:%M:%S")}] {run.name}: {step}', flush=True)
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
        call(command, run.folder / f'{step}.log')
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if step == 'train':
            run.finished.touch()
        cost = read_json(run.folder / 'cost.json')
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        earlier = cost.get(step, {})
        cost[step] = {
            'cpu_s': round(earlier.get('cpu_s', 0) + used, 1),
            'wall_s': round(earlier.get('wall_s', 0) + time.time() - started, 1),
        }
        write_json(run.folder / 'cost.json', cost, indent=1)


def report(tables: list[Table], plan: dict[str, Any]) -> str:
    """Markdown of all tables: mean ± standard deviation over the seeds that were run, in percent."""
    metrics, published = plan['metrics'], plan.get('published_metrics', ())
    names = [x.split('/')[-1] for x in metrics]
    lines = []
    for table in tables:
        head = ['row', *names, 'seeds', 'CPU min a run']
        if published:
            head.insert(-2, 'published ' + ' / '.join(x.split('/')[-1] for x in published))
        lines += [f'### {table.title}', '', _line(head), _line(['---'] * len(head))]
        for row in table.rows:
            lines.append(_line(_cells(row, metrics, bool(published))))
        if table.start:
            lines += ['', f'All rows start from `{table.start.config}`{_start_cost(table.start)}.']
        lines.append('')
    return '\n'.join(lines)


def _line(cells: list[str]) -> str:
    return f'| {" | ".join(cells)} |'


def _cells(row: Row, metrics: list[str], published: bool) -> list[str]:
    done = [run for run in row.runs if run.results.is_file()]
    values = [read_json(run.results)['metrics'] for run in done]
    cells = [row.title]
    for metric in metrics:
        numbers = np.array([x[metric] for x in values if x.get(metric) is not None]) * 100
        spread = f' ± {numbers.std(ddof=1):.1f}' if len(numbers) > 1 else ''
        cells.append(f'{numbers.mean():.1f}{spread}' if len(numbers) else 'not run')
    if published:
        cells.append(' / '.join(str(x) for x in row.published) if row.published else '')
    costs = [sum(part['cpu_s'] for part in read_json(run.folder / 'cost.json').values()) / 60 for run in done]
    return [*cells, ', '.join(str(run.seed) for run in done) or '-', f'{np.mean(costs):.1f}' if costs else '-']


def _start_cost(start: Run) -> str:
    cost = read_json(start.folder / 'cost.json').get('train')
    return f' ({cost["cpu_s"] / 60:.0f} CPU minutes)' if cost else ' (not run)'


def write_report(tables: list[Table], plan: dict[str, Any]) -> str:
    """Write ``table.md`` into the work dir; returns its text."""
    text = report(tables, plan)
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
            if table.prepare and any(run.folder.is_relative_to(Path(plan.work_dir) / table.name) for run in runs):
                folder = Path(plan.work_dir) / table.name
                folder.mkdir(parents=True, exist_ok=True)
                call([str(TOOLS.parent / table.prepare[0]), *table.prepare[1:]], folder / 'prepare.log')
        for number, run in enumerate(runs):
            print(f'run {number + 1} of {len(runs)}', flush=True)
            execute(run)
            write_report(tables, plan)
    except (OSError, ValueError, RuntimeError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(write_report(tables, plan))
    return 0


if __name__ == '__main__':
    sys.exit(main())
