"""Tell "+0.3" from noise: paired per-video differences of two results, with a bootstrap interval.

python tools/analysis_tools/compare_results.py A.json B.json [--metric vpq/VPQ ...] [--samples 10000] [--seed 0]

A.json and B.json come from eval_results.py or tools/test.py --out. Differences are B - A. The interval is that of the
mean of the per-video differences when videos are drawn anew with replacement. It is not an interval of the difference
over the set where that is no mean of videos (STQ, VPQ and AP sum tubes, windows or tracks over all videos first), which
is printed beside it. Results of different protocols or videos are refused. The exit status is 0 if the results could be
compared.
"""

import argparse
import math
import sys
from pathlib import Path
from typing import Any

import find_videoseg  # noqa: F401
import numpy as np

from videoseg.evaluation.formats.files import read_json

LEVEL = 0.95
IN_PROCESS = 'tools/test.py'


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('a', metavar='A.json', help='result of eval_results.py or test.py')
    parser.add_argument('b', metavar='B.json', help='the result to compare with it')
    parser.add_argument('--metric', nargs='+', help='numbers to compare; default: all that videos have')
    parser.add_argument('--samples', type=int, default=10000, help='bootstrap samples (default 10000)')
    parser.add_argument('--seed', type=int, default=0, help='seed of the bootstrap (default 0)')
    args = parser.parse_args(arguments)
    if args.samples < 1:
        parser.error('--samples must be at least 1')
    if args.seed < 0:
        parser.error('--seed must not be negative')
    return args


def load(path: str) -> dict[str, Any]:
    """Read a result.

    Raises:
        FileNotFoundError, ValueError: If it is none.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not {'protocol', 'metrics', 'per_video'} <= content.keys():
        raise ValueError(f'{path}: is no result of eval_results.py or test.py (protocol, metrics, per_video)')
    if not all(isinstance(content[key], dict) for key in ('protocol', 'metrics', 'per_video')):
        raise ValueError(f'{path}: protocol, metrics and per_video must be objects')
    if not isinstance(content['protocol'].get('metrics'), dict):
        raise ValueError(f'{path}: its protocol has no metrics')
    for where, row in {'metrics': content['metrics'], **content['per_video']}.items():
        if not isinstance(row, dict) or not all(_is_number(x) for x in row.values()):
            raise ValueError(f'{path}: {where!r} holds something that is neither a number nor null')
    return content


def _is_number(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and math.isfinite(value))


def check_comparable(a: dict[str, Any], b: dict[str, Any]) -> None:
    """Two results must differ in nothing but the predictions.

    tools/test.py takes ground truth from a data set and eval_results.py from files: of one result of each, the classes
    and the protocols of the metrics that both have must be equal.

    Raises:
        ValueError: Naming what differs.
    """
    left, right = ({k: v for k, v in x['protocol'].items() if k != 'pred'} for x in (a, b))
    if (left.get('format') == IN_PROCESS) != (right.get('format') == IN_PROCESS):
        common = left['metrics'].keys() & right['metrics'].keys()
        left, right = (
            {'classes': x.get('classes'), 'metrics': {k: v for k, v in x['metrics'].items() if k in common}}
            for x in (left, right)
        )
    if difference := _difference(left, right):
        raise ValueError(f'the protocols differ, in {difference}: the numbers mean different things')
    if a['per_video'].keys() != b['per_video'].keys():
        video = sorted(a['per_video'].keys() ^ b['per_video'].keys())[0]
        raise ValueError(f'the videos differ: {video!r} is in only one of the results')
    for video, row in a['per_video'].items():
        if row.get('num_frames') != b['per_video'][video].get('num_frames'):
            raise ValueError(f'video {video!r}: the numbers of frames differ')


def _difference(a: Any, b: Any, path: str = 'protocol') -> str:
    """Where two protocols differ first, '' if nowhere."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(a.keys() | b.keys()):
            if key not in a or key not in b:
                return f'{path}.{key} (only one has it)'
            if found := _difference(a[key], b[key], f'{path}.{key}'):
                return found
        return ''
    return '' if a == b else f'{path} ({a!r} and {b!r})'[:200]


def compare(
    a: dict[str, Any], b: dict[str, Any], metric: str, samples: int = 10000, seed: int = 0
) -> dict[str, float | int | None]:
    """Paired differences B - A of one number.

    Args:
        a: A result.
        b: Another.
        metric: For example ``'vpq/VPQ'``.
        samples: Bootstrap samples. Default 10000.
        seed: Seed of the bootstrap. Default 0.

    Returns:
        ``set_a``, ``set_b``, ``set_difference``: over the set (None where there is none); ``videos``: how many have the
        number in both results; ``mean``, ``low``, ``high``: mean of the differences and its 95 % interval; ``wins``,
        ``losses``, ``ties`` of B.

    Raises:
        ValueError: If no video has the number.
    """
    common = [x for x in a['metrics'] if x in b['metrics']]
    if metric not in common:
        raise ValueError(f'there is no {metric!r}; both results have {", ".join(common)}')
    pairs = [(row.get(metric), b['per_video'][video].get(metric)) for video, row in a['per_video'].items()]
    pairs = [(x, y) for x, y in pairs if x is not None and y is not None]
    if not pairs:
        raise ValueError(f'no video has a number for {metric!r} in both results')
    difference = np.array([y - x for x, y in pairs])
    rng = np.random.default_rng(seed)
    means = np.empty(samples)
    step = max(1, 10**6 // len(difference))
    for start in range(0, samples, step):
        size = (min(step, samples - start), len(difference))
        means[start : start + size[0]] = difference[rng.integers(0, len(difference), size)].mean(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    set_a, set_b = a['metrics'][metric], b['metrics'][metric]
    return {
        'set_a': set_a,
        'set_b': set_b,
        'set_difference': None if set_a is None or set_b is None else set_b - set_a,
        'videos': len(difference),
        'mean': float(difference.mean()),
        'low': float(low),
        'high': float(high),
        'wins': int((difference > 0).sum()),
        'losses': int((difference < 0).sum()),
        'ties': int((difference == 0).sum()),
    }


def report(a_path: str, b_path: str, rows: dict[str, dict[str, Any]], num_videos: int) -> str:
    """The readable table."""
    lines = [
        f'A = {Path(a_path).name}, B = {Path(b_path).name}, {num_videos} videos, differences are B - A',
        f'{"":<20}{"set A":>9}{"set B":>9}{"set B-A":>9}{"mean B-A":>10}{"95 % interval":>21}{"win/loss/tie":>15}',
    ]
    for name, x in rows.items():
        sets = ''.join(
            f'{"-" if v is None else format(v, fmt):>9}'
            for v, fmt in ((x['set_a'], '.4f'), (x['set_b'], '.4f'), (x['set_difference'], '+.4f'))
        )
        interval = f'[{x["low"]:+.4f}, {x["high"]:+.4f}]'
        counts = f'{x["wins"]}/{x["losses"]}/{x["ties"]}'
        note = '' if x['low'] <= 0 <= x['high'] else '  *'
        used = '' if x['videos'] == num_videos else f'  ({x["videos"]} videos have it)'
        lines.append(f'{name:<20}{sets}{x["mean"]:>+10.4f}{interval:>21}{counts:>15}{note}{used}')
    lines += [
        '* = the interval does not contain 0.',
        'Mean and interval are of the per-video differences: every video counts the same, and videos are drawn anew.',
        'Over the set, STQ, VPQ, PQ, AP and mIoU are not the mean of videos: they sum tubes, windows or pixels first,',
        'so "set B-A" may differ from the mean. Below about 10 videos do not trust the interval.',
    ]
    return '\n'.join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    args = parse_args(arguments)
    try:
        a, b = load(args.a), load(args.b)
        check_comparable(a, b)
        metrics = args.metric or [
            x for x in a['metrics'] if x in b['metrics'] and any(x in row for row in a['per_video'].values())
        ]
        rows = {}
        for metric in metrics:
            try:
                rows[metric] = compare(a, b, metric, args.samples, args.seed)
            except ValueError:
                if args.metric:
                    raise
        if not rows:
            raise ValueError('no number is there for any video in both results')
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(report(args.a, args.b, rows, len(a['per_video'])))
    return 0


if __name__ == '__main__':
    sys.exit(main())
