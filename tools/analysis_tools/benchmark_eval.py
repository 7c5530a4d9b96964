"""CPU seconds of the evaluators, and of a plain numpy pass over the same files in the same run.

python tools/analysis_tools/benchmark_eval.py [--parts vps vss vis] [--data DIR] [--small] [--repeats 1] [--out F.json]

The data are made up, always the same, and written to --data (kept, and used again) or to a temporary folder: VIPSeg
layout, 10 videos of 50 frames 720x1280, 124 classes; VSPW layout, 10 of 70 frames 480x853; YouTube-VIS layout, 100 of
30 frames 720x1280. One process; seconds include reading jsons and decoding PNGs; of several repeats the fastest counts.
"""

import argparse
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import find_videoseg  # noqa: F401
from benchmark_baselines import consistency_pass, decode_pass, panoptic_pass, semantic_pass, track_pass
from benchmark_data import DataSize, make_data

from videoseg.evaluation.benchmarks import BaseBenchmark, get_benchmark
from videoseg.evaluation.benchmarks.evaluate import evaluate
from videoseg.evaluation.formats.files import write_json

PARTS = ('vps', 'vss', 'vis')
MANY_WINDOWS = (1, 2, 4, 6, 8, 10, 12, 16)
OFFICIAL_SECONDS = {
    'STQ + VPQ(1,2,4,6)': 1461,
    'VC8 + VC16': 4.9,
    'mIoU': 1.9,
    'AP': 1.2,
}
"""Official scripts on data of the same size, another machine (``specs/evaluators.md`` section 14)."""


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=list(PARTS), help='default: all')
    parser.add_argument('--data', help='folder of the data; default: a temporary one')
    parser.add_argument('--small', action='store_true', help='tiny data: seconds say nothing, but all is run')
    parser.add_argument('--repeats', type=int, default=1, help='the fastest of so many (default 1)')
    parser.add_argument('--out', help='json of all numbers')
    parser.add_argument('--memory-of', type=int, help=argparse.SUPPRESS)  # videos; used by this script on itself
    args = parser.parse_args(arguments)
    if args.repeats < 1:
        parser.error('--repeats must be at least 1')
    return args


def vipseg(root: Path, windows: Sequence[int], videos: int | None = None, share: float = 1) -> BaseBenchmark:
    """STQ and VPQ of the first videos, of the first share of their frames."""
    folder = root / 'vipseg'
    benchmark = get_benchmark('vipseg')(
        folder / 'panoptic_gt_VIPSeg_val.json', folder / 'pred.json', ['stq', 'vpq'], windows
    )
    for name in ('gt_videos', 'pred_videos'):
        kept = list(getattr(benchmark, name).items())[:videos]
        setattr(benchmark, name, {video: frames[: round(share * len(frames))] for video, frames in kept})
    return benchmark


def vspw(root: Path, metrics: Sequence[str]) -> BaseBenchmark:
    """Metrics of the VSPW layout."""
    return get_benchmark('vspw')(root / 'vspw', root / 'vspw' / 'pred', metrics)


def youtube_vis(root: Path) -> BaseBenchmark:
    """AP of the YouTube-VIS layout."""
    return get_benchmark('youtube_vis')(root / 'youtube_vis' / 'gt.json', root / 'youtube_vis' / 'results.json')


def cpu_seconds(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """CPU seconds of the fastest repeat, and what it returned."""
    best, result = float('inf'), None
    for _ in range(repeats):
        gc.collect()
        start = time.process_time()
        result = work()
        best = min(best, time.process_time() - start)
    return best, result


def measure(root: Path, parts: Sequence[str], repeats: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Run everything.

    Returns:
        ``speed``: task -> ``ours``, ``numpy``, ``ratio`` (ours / numpy), ``official``, ``metrics``; for vps also
        ``decoding`` (seconds), ``frames``, ``windows`` (share of frames, or sizes -> seconds) and ``memory`` (videos ->
        MiB).
    """
    found: dict[str, Any] = {'speed': {}}
    tasks: list[tuple[str, str, Callable[[], BaseBenchmark], Callable[[], Any]]] = [
        ('vps', 'STQ + VPQ(1,2,4,6)', lambda: vipseg(root, (1, 2, 4, 6)), lambda: panoptic_pass(root / 'vipseg')),
        ('vss', 'VC8 + VC16', lambda: vspw(root, ['vc']), lambda: consistency_pass(root / 'vspw')),
        ('vss', 'mIoU', lambda: vspw(root, ['vss']), lambda: semantic_pass(root / 'vspw')),
        ('vis', 'AP', lambda: youtube_vis(root), lambda: track_pass(root / 'youtube_vis')),
    ]
    say(f'{"":<22}{"ours, s":>10}{"numpy, s":>10}{"ours/numpy":>12}{"official, s":>13}')
    for part, name, build, baseline in tasks:
        if part not in parts:
            continue
        ours, result = cpu_seconds(lambda build=build: evaluate(build()), repeats)
        plain, _ = cpu_seconds(baseline, repeats)
        row = dict(ours=ours, numpy=plain, ratio=ours / plain, official=OFFICIAL_SECONDS[name])
        found['speed'][name] = {**row, 'metrics': result['metrics']}
        say(f'{name:<22}{ours:>10.2f}{plain:>10.2f}{ours / plain:>12.2f}{OFFICIAL_SECONDS[name]:>13.1f}')
    if 'vps' in parts:
        found['decoding'], _ = cpu_seconds(lambda: decode_pass(root / 'vipseg'), repeats)
        say(f'decoding the PNGs of the first row alone: {found["decoding"]:.2f} s')
        found['frames'] = {
            str(share): cpu_seconds(lambda share=share: evaluate(vipseg(root, (1, 2, 4, 6), share=share)), repeats)[0]
            for share in (0.25, 0.5, 1)
        }
        say('frames, share of all: ' + ', '.join(f'{share}: {x:.2f} s' for share, x in found['frames'].items()))
        found['windows'] = {
            ' '.join(map(str, sizes)): cpu_seconds(lambda sizes=sizes: evaluate(vipseg(root, sizes)), repeats)[0]
            for sizes in ((1,), (1, 2, 4, 6), MANY_WINDOWS)
        }
        say('windows: ' + ', '.join(f'({sizes}): {x:.2f} s' for sizes, x in found['windows'].items()))
        most = len(vipseg(root, (1,)).videos)
        found['memory'] = {str(n): peak_memory(root, n) for n in sorted({1, max(1, most // 2), most})}
        say('peak memory, videos: ' + ', '.join(f'{n}: {x:.0f} MiB' for n, x in found['memory'].items()))
    return found


def peak_memory(root: Path, videos: int) -> float:
    """Peak memory in MiB of a fresh process that scores the first videos."""
    command = [sys.executable, str(Path(__file__).resolve()), '--memory-of', str(videos), '--data', str(root)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def own_peak() -> float:
    """Peak memory of this process in MiB. ``ru_maxrss`` may be that of the process which started it."""
    status = Path('/proc/self/status')
    if status.is_file():
        line = next(x for x in status.read_text().splitlines() if x.startswith('VmHWM:'))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == 'darwin' else 1024)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    args = parse_args(arguments)
    if args.memory_of is not None:
        evaluate(vipseg(Path(args.data), (1, 2, 4, 6), args.memory_of))
        print(own_peak())
        return 0
    size = DataSize.small() if args.small else DataSize()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(args.data or Path(temporary) / 'data')
        try:
            make_data(root, size)
        except ValueError as error:
            print(f'error: {error}', file=sys.stderr)
            return 1
        found = measure(root, args.parts, args.repeats, lambda line: print(line, flush=True))
    if args.out:
        write_json(args.out, json.loads(json.dumps({'size': vars(size), **found})), indent=1)
    return 0


if __name__ == '__main__':
    sys.exit(main())
