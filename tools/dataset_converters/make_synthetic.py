"""Make synthetic videos with exact panoptic truth, in the on-disk layout of KITTI-STEP or of another data set.

    python tools/dataset_converters/make_synthetic.py data/synthetic --preset quickstart --seed 0
    python tools/dataset_converters/make_synthetic.py data/synthetic_ovis --layout ovis
    python tools/dataset_converters/make_synthetic.py data/synthetic --check

A second call with the same arguments does nothing; an interrupted one is completed; more sequences can be added by
asking for more. Sequence k is the same however many sequences are made.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from videoseg.datasets.synthetic.integrity import check_dataset, read_description
from videoseg.datasets.synthetic.layouts.table import LAYOUTS, get_layout
from videoseg.datasets.synthetic.presets import PRESETS, get_preset
from videoseg.datasets.synthetic.synthetic_writer import SyntheticWriter


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', type=Path, help='folder of the data set')
    parser.add_argument('--preset', choices=sorted(PRESETS), help='kind of scenes (default: quickstart)')
    parser.add_argument('--layout', choices=list(LAYOUTS), help='on-disk layout (default: kitti_step)')
    parser.add_argument('--seed', type=int, help='seed of the data set (default: 0)')
    parser.add_argument('--train', type=int, metavar='N', help="training sequences (default: the preset's)")
    parser.add_argument('--val', type=int, metavar='N', help="validation sequences (default: the preset's)")
    parser.add_argument('--frames', type=int, metavar='F', help="frames of each (default: the layout's or preset's)")
    parser.add_argument('--size', type=int, nargs=2, metavar=('H', 'W'), help="frame size (default: the preset's)")
    parser.add_argument('--check', action='store_true', help='only compare an existing data set with its hashes')
    return parser.parse_args(argv)


def report_progress(start: float, done: int, total: int, name: str) -> None:
    """Print one line a sequence on a terminal (overwritten), about ten lines in all elsewhere."""
    line = f'{done}/{total} sequences, last {name}, {time.time() - start:.0f} s'
    if sys.stdout.isatty():
        print(f'\r{line}', end='\n' if done == total else '', flush=True)
    elif done == total or done % max(total // 10, 1) == 0:
        print(line, flush=True)


def check(args: argparse.Namespace) -> int:
    """Report problems of an existing data set; 0 if there are none."""
    problems = check_dataset(args.out, args.preset, args.seed, args.layout)
    for problem in problems:
        print(f'problem: {problem}', file=sys.stderr)
    if problems:
        print(f'{args.out}: {len(problems)} problem(s)', file=sys.stderr)
        return 1
    print_report(args.out, read_description(args.out))
    return 0


def print_report(root: Path, description: dict) -> None:
    """Counts and hashes of a data set."""
    preset = description['preset']
    height, width = preset['size']
    title = f'layout {description["layout"]}, preset {preset["name"]}, seed {description["seed"]}'
    print(f'{root}: {title}, {height}x{width}')
    for split, counts in description['counts'].items():
        print(f'  {split}: {counts["sequences"]} sequences, {counts["frames"]} frames')
    print(f'  description sha256 {description["description_sha256"]}')
    print(f'  files sha256       {description["manifest_sha256"]}')


def generate(args: argparse.Namespace) -> int:
    """Write or complete a data set."""
    changes: dict[str, object] = {}
    if args.train is not None:
        changes['num_train'] = args.train
    if args.val is not None:
        changes['num_val'] = args.val
    layout = args.layout or 'kitti_step'
    frames = get_layout(layout).default_frames if args.frames is None else args.frames
    if frames is not None:
        changes.update(train_frames=frames, val_frames=frames)
    if args.size is not None:
        changes['size'] = tuple(args.size)
    preset = get_preset(args.preset or 'quickstart', **changes)
    start = time.time()
    writer = SyntheticWriter(args.out, preset, args.seed or 0, lambda *state: report_progress(start, *state), layout)
    description = writer.write()
    if not description['written']:
        print(f'{args.out}: the same data set is already there, no sequence to make')
    print_report(args.out, description)
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run the tool.

    Returns:
        0, or 1 with a message on stderr.
    """
    args = parse_args(argv)
    try:
        return check(args) if args.check else generate(args)
    except (OSError, RuntimeError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1


if __name__ == '__main__':
    sys.exit(main())
