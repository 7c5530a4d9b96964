"""How quality changes with time in long videos: STQ of sections, and from the start to the end of each section.

python tools/analysis_tools/drift.py --gt data/synthetic_rollout/panoptic_maps/val --pred [NAME=]DIR ...
    [--classes data/synthetic_rollout/synthetic.json] [--length 10] [--out FILE.json]

Ground truth and predictions are folders of <sequence>/<frame>.png as KITTI-STEP has them (tools/test.py --pred-dir, or
a table of an ablation plan with predictions=True). A video counts in the sections that it has all frames of. In a
section AQ asks for the same ids within the section only; from the start it asks for those of the first frame on.
Several folders under one NAME, seeds for instance, are one line: mean ± standard deviation. In percent.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import find_videoseg  # noqa: F401
from markdown_table import mean_and_spread, table_line

from videoseg.evaluation.benchmarks.kitti_step_benchmark import KittiStepBenchmark
from videoseg.evaluation.formats import ClassTable
from videoseg.evaluation.formats.files import read_json, write_json
from videoseg.evaluation.formats.result_json import plain
from videoseg.evaluation.functional.joint_histogram import JointHistogram
from videoseg.evaluation.functional.stq import STQ

NUMBERS = ('AQ', 'SQ', 'STQ')
KINDS = {'section': 'in the section', 'start': 'from the start'}


class SectionSTQ:
    """Takes the place of an :class:`STQ` and hands every frame to those of the sections that it is in.

    Args:
        benchmark: Its videos decide which sections there are; makes the statistics.
        length: Frames of a section.
    """

    def __init__(self, benchmark: KittiStepBenchmark, length: int) -> None:
        self._frames = benchmark.videos
        ends = range(length, max(self._frames.values()) + 1, length)
        self.parts: dict[str, dict[tuple[int, int], STQ]] = {
            'section': {(end - length, end): benchmark.make('stq') for end in ends},
            'start': {(0, end): benchmark.make('stq') for end in ends},
        }

    def update(self, video_id: str, index: int, histogram: JointHistogram) -> None:
        """Add frame ``index`` of a video."""
        for parts in self.parts.values():
            for (start, stop), statistics in parts.items():
                if start <= index < stop <= self._frames[video_id]:
                    statistics.update(video_id, index, histogram)


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--gt', required=True, help='folder of the ground truth')
    parser.add_argument('--pred', required=True, nargs='+', metavar='[NAME=]DIR', help='folders of predictions')
    parser.add_argument(
        '--classes', help='json list of {id, name, isthing}, or synthetic.json of a data set; default: Cityscapes'
    )
    parser.add_argument('--length', type=int, default=10, help='frames of a section (default 10)')
    parser.add_argument('--out', help='write the numbers, in [0, 1], to this .json file')
    args = parser.parse_args(arguments)
    if args.length < 1:
        parser.error('--length must be at least 1')
    if args.out and not args.out.endswith('.json'):
        parser.error(f'--out {args.out}: the name must end with .json')
    return args


def read_classes(path: str) -> ClassTable:
    """Classes of a json list, or of the description that make_synthetic.py leaves beside its data.

    Raises:
        FileNotFoundError, ValueError: If there is no such file, or it is something else.
    """
    content = read_json(path)
    if isinstance(content, dict) and 'generator_version' in content:
        content = [dict(id=x['raw_id'], name=x['name'], isthing=x['is_thing']) for x in content['classes']]
    return ClassTable.from_entries(content, path)


def measure(gt: str, pred: str, classes: ClassTable | None, length: int) -> dict[str, list[dict[str, Any]]]:
    """Score one folder of predictions.

    Args:
        gt: Folder of the ground truth.
        pred: Folder of the predictions.
        classes: The classes; None: those of Cityscapes.
        length: Frames of a section.

    Returns:
        ``'section'`` and ``'start'``, each a list by time: ``frames`` [start, stop), ``videos`` that are long enough,
        and the numbers in [0, 1], NaN where the definition divides 0 by 0.

    Raises:
        FileNotFoundError, ValueError: As :class:`KittiStepBenchmark`, or if all videos are shorter than a section.
    """
    benchmark = KittiStepBenchmark(gt, pred, metrics=['stq'], classes=classes)
    sections = SectionSTQ(benchmark, length)
    if not sections.parts['start']:
        raise ValueError(f'{gt}: no video has {length} frames; choose a smaller --length')
    for video_id in benchmark.videos:
        benchmark.score_video(video_id, {'stq': sections})
    result = {}
    for kind, parts in sections.parts.items():
        result[kind] = []
        for span, statistics in parts.items():
            numbers = statistics.compute()
            row = dict(frames=list(span), videos=len(statistics.videos))
            result[kind].append({**row, **{name: numbers[name] for name in NUMBERS}})
    return result


def report(results: dict[str, list[dict[str, list[dict[str, Any]]]]]) -> str:
    """Markdown: a column a section, three lines a kind and prediction; ``results`` are lists of :func:`measure`."""
    first = next(iter(results.values()))[0]['section']
    head = ['prediction', 'number', 'frames', *(f'{x["frames"][0]} to {x["frames"][1] - 1}' for x in first)]
    lines = [table_line(head), table_line(['---'] * len(head))]
    lines.append(table_line(['videos', '', '', *(str(x['videos']) for x in first)]))
    for name, runs in results.items():
        for number in NUMBERS:
            for kind, title in KINDS.items():
                columns = zip(*(run[kind] for run in runs), strict=True)
                cells = [mean_and_spread([x[number] for x in column]) for column in columns]
                lines.append(table_line([name, number, title, *cells]))
    return '\n'.join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    args = parse_args(arguments)
    results: dict[str, list[dict[str, list[dict[str, Any]]]]] = {}
    try:
        classes = read_classes(args.classes) if args.classes else None
        for entry in args.pred:
            name, separator, folder = entry.partition('=')
            if not separator:
                name, folder = Path(entry).name, entry
            results.setdefault(name, []).append(measure(args.gt, folder, classes, args.length))
        if args.out:
            write_json(args.out, dict(length=args.length, predictions=plain(results)), indent=1)
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(report(results))
    return 0


if __name__ == '__main__':
    sys.exit(main())
