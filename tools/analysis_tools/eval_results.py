"""Score predictions of any system against the ground truth of an official layout; no model, no config, no torch.

python tools/analysis_tools/eval_results.py --format vipseg --gt panoptic_gt_VIPSeg_val.json --pred results/pred.json
    [--metrics stq vpq] [--windows 1 2 4 6] [--classes FILE] [--jobs N] [--out result.json] [--worst 10]
    [--gt-png DIR] [--pred-png DIR] [--split NAME] [--options key=value ...]

kitti_step: folders of <sequence>/<frame>.png. vipseg, cityscapes_vps, coco_panoptic: the json, its PNGs are looked for
beside it or in --gt-png, --pred-png. youtube_vis, ovis: the two jsons. vspw: the data set and <video>/<frame>.png.
dvps: the folder of the ground truth, and one with panoptic/ and depth/. The exit status is 0 only if all went well;
otherwise there is one line on stderr that names video, frame and id, and no result file.
"""

import argparse
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import find_videoseg  # noqa: F401
from progress_bar import ProgressBar

from videoseg.evaluation.benchmarks import FORMATS, BaseBenchmark, get_benchmark
from videoseg.evaluation.benchmarks.evaluate import evaluate
from videoseg.evaluation.formats.files import read_json, write_json

PROBLEMS = (OSError, ValueError, LookupError, TypeError, ArithmeticError, RuntimeError, MemoryError)


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--format', required=True, choices=list(FORMATS), help='layout of the files')
    parser.add_argument('--gt', required=True, help='ground truth')
    parser.add_argument('--pred', required=True, help='predictions')
    parser.add_argument('--metrics', nargs='+', help='stq, vpq, pq, ...; default: those papers report')
    parser.add_argument('--windows', nargs='+', type=int, help='window sizes; default: those papers report')
    parser.add_argument('--classes', help='json list of {id, name, isthing}; default: those of the benchmark')
    parser.add_argument('--gt-png', help='folder of the ground truth PNGs, if not beside the json')
    parser.add_argument('--pred-png', help='folder of the predicted PNGs, if not beside the json')
    parser.add_argument('--split', help='split, where the layout has several')
    parser.add_argument('--options', nargs='+', default=[], metavar='KEY=VALUE', help='where scripts disagree')
    parser.add_argument('--jobs', type=int, default=1, help='processes (default 1)')
    parser.add_argument('--out', help='result file: protocol, metrics, per_video, per_class')
    parser.add_argument('--worst', type=int, default=0, metavar='N', help='list what costs most')
    parser.add_argument('--quiet', action='store_true', help='no progress bar and no table')
    args = parser.parse_args(arguments)
    if args.jobs < 1 or args.worst < 0:
        parser.error('--jobs must be at least 1 and --worst at least 0')
    if wrong := [x for x in args.options if '=' not in x]:
        parser.error(f'--options {wrong[0]}: expected KEY=VALUE')
    return args


def build(args: argparse.Namespace) -> BaseBenchmark:
    """The benchmark of the command line.

    Raises:
        ValueError: If the format has no such argument, or as the benchmark says.
    """
    kind = get_benchmark(args.format)
    given = {
        'metrics': args.metrics,
        'windows': args.windows,
        'classes': args.classes,
        'gt_png': args.gt_png,
        'pred_png': args.pred_png,
        'split': args.split,
        'options': dict(x.split('=', 1) for x in args.options),
    }
    given = {name: value for name, value in given.items() if value}
    for name in given.keys() - inspect.signature(kind).parameters.keys():
        raise ValueError(f'format {args.format} has no --{name.replace("_", "-")}')
    return kind(args.gt, args.pred, **given)


def prepare_out(path: Path) -> None:
    """Remove the result of an earlier run, so that a failed run leaves none.

    Raises:
        ValueError: If the file is something else, which is never overwritten.
    """
    if not path.exists():
        return
    try:
        content = read_json(path)
        is_result = isinstance(content, dict) and {'protocol', 'metrics', 'per_video'} <= content.keys()
    except (ValueError, OSError):
        is_result = False
    if not is_result:
        raise ValueError(f'{path}: exists and is no result of this tool; it is not overwritten')
    path.unlink()


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    args = parse_args(arguments)
    try:
        if args.out:
            prepare_out(Path(args.out))
        benchmark = build(args)
        result = evaluate(benchmark, args.jobs, None if args.quiet else ProgressBar())
        if args.out:
            write_json(args.out, result, indent=1)
    except PROBLEMS as error:
        message = ' '.join(str(error).split()) or repr(error)
        print(f'error: {message}', file=sys.stderr)
        return 1
    if not args.quiet:
        print(report(result, args.worst))
    return 0


def report(result: dict[str, Any], worst: int = 0) -> str:
    """The readable tables: numbers of the set, of every video, and what costs most."""
    lines = [f'{result["num_videos"]} videos, {result["num_frames"]} frames']
    lines += [f'  {name:<24}{_number(value)}' for name, value in result['metrics'].items()]
    videos = result['per_video']
    columns = [name for name in result['metrics'] if any(name in row for row in videos.values())]
    if columns and len(videos) <= 50:
        lines += ['', *_table('video', videos, columns)]
    elif columns:
        lines += ['', f'({len(videos)} videos: the breakdown is in the result file; --worst N lists some)']
    if worst:
        lines += _worst(result, worst)
    return '\n'.join(lines)


def _worst(result: dict[str, Any], number: int) -> list[str]:
    """For the first number of each metric: videos by (1 - score) x share of frames, classes by 1 - score."""
    lines = []
    total = max(result['num_frames'], 1)
    for prefix in result['protocol']['metrics']:
        main = next(name for name in result['metrics'] if name.startswith(f'{prefix}/'))
        rows = {
            name: {main: row[main], 'frames': row['num_frames'], 'cost': (1 - row[main]) * row['num_frames'] / total}
            for name, row in result['per_video'].items()
            if row.get(main) is not None
        }
        rows = dict(sorted(rows.items(), key=lambda x: -x[1]['cost'])[:number])
        if rows:
            title = f'videos that cost most of {main}; cost = (1 - score) x share of frames'
            lines += ['', title, *_table('video', rows, [main, 'frames', 'cost'])]
        column = _class_column(result['per_class'], prefix, main)
        classes = {x: row for x, row in result['per_class'].items() if column and row.get(column) is not None}
        if classes:
            rows = dict(sorted(classes.items(), key=lambda x: x[1][column])[:number])
            rows = {x: {column: row[column], 'cost': (1 - row[column]) / len(classes)} for x, row in rows.items()}
            title = f'classes that cost most of {column}; cost = (1 - score) / classes with a score'
            lines += ['', title, *_table('class', rows, [column, 'cost'])]
    return lines


def _class_column(per_class: dict[str, dict[str, Any]], prefix: str, main: str) -> str | None:
    """The column that the main number averages: the one of its name, or else the first."""
    columns = dict.fromkeys(name for row in per_class.values() for name in row if name.startswith(f'{prefix}/'))
    return main if main in columns else next(iter(columns), None)


def _table(title: str, rows: dict[str, dict[str, Any]], columns: list[str]) -> list[str]:
    first = max(len(x) for x in [title, *rows])
    widths = [max(len(name), 8) + 2 for name in columns]
    lines = [f'{title:<{first}}' + ''.join(f'{name:>{w}}' for name, w in zip(columns, widths, strict=True))]
    for name, row in rows.items():
        cells = [f'{_number(row.get(column)):>{w}}' for column, w in zip(columns, widths, strict=True)]
        lines.append(f'{name:<{first}}' + ''.join(cells))
    return lines


def _number(value: Any) -> str:
    return '-' if value is None else f'{value:.4f}' if isinstance(value, float) else json.dumps(value)


if __name__ == '__main__':
    sys.exit(main())
