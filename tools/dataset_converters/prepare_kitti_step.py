"""Lay KITTI-STEP out under data/kitti_step from KITTI tracking's images and the STEP panoptic maps.

    python tools/dataset_converters/prepare_kitti_step.py KITTI_TRACKING PANOPTIC_MAPS [--out data/kitti_step]

KITTI_TRACKING holds training/image_02/<seq>/*.png and testing/image_02/<seq>/*.png, PANOPTIC_MAPS holds
{train,val}/<seq>/*.png. The result is images/{train,val,test}/<seq>/<frame>.png and panoptic_maps/{train,val}/...,
folders linked (or frames copied with --copy). It can be run again at any time. --check only counts what lies there.
The exit status is not 0 if sequences or frames are missing, images and maps do not pair, or a count is not the
official one.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from placing import place

VAL_SEQUENCES = ('0002', '0006', '0007', '0008', '0010', '0013', '0014', '0016', '0018')
"""Of the 21 training sequences; the others are the train split (Weber et al., STEP)."""

OFFICIAL_FRAMES = dict(train=5027, val=2981, test=11095)
NUM_SEQUENCES = dict(train=12, val=9, test=29)


def plan(tracking: Path, maps: Path) -> list[tuple[Path, str]]:
    """Which sequence folder goes where.

    Returns:
        (source folder, target relative to the output folder), images first.

    Raises:
        FileNotFoundError: If the training images or the maps are not where they should be.
    """
    moves = []
    for part in ('training', 'testing'):
        source = tracking / part / 'image_02'
        if not source.is_dir():
            if part == 'testing':
                print(f'{source}: not there, the test split is left out')
                continue
            raise FileNotFoundError(f'{source}: no such folder; KITTI_TRACKING must hold training/image_02/<seq>/')
        for folder in _folders(source):
            split = 'test' if part == 'testing' else 'val' if folder.name in VAL_SEQUENCES else 'train'
            moves.append((folder, f'images/{split}/{folder.name}'))
    for split in ('train', 'val'):
        source = maps / split
        if not source.is_dir():
            raise FileNotFoundError(f'{source}: no such folder; PANOPTIC_MAPS must hold train/<seq>/ and val/<seq>/')
        moves += [(folder, f'panoptic_maps/{split}/{folder.name}') for folder in _folders(source)]
    return moves


def check(out: Path, expected: dict[str, int], num_sequences: dict[str, int]) -> list[str]:
    """Count frames, print a report.

    Returns:
        What is wrong, a line each; empty if all is well.
    """
    problems = []
    print(f'{"split":<6} {"sequences":>9} {"images":>7} {"maps":>7}')
    for split in ('train', 'val', 'test'):
        images = _frames(out / 'images' / split)
        maps = _frames(out / 'panoptic_maps' / split)
        count, map_count = sum(map(len, images.values())), sum(map(len, maps.values()))
        print(f'{split:<6} {len(images):>9} {count:>7} {map_count:>7}')
        if split == 'test' and not images:
            continue
        if len(images) != num_sequences[split]:
            problems.append(f'{split}: {len(images)} sequences, expected {num_sequences[split]}')
        if count != expected[split]:
            problems.append(f'{split}: {count} images, expected {expected[split]}')
        if split == 'test':
            continue
        for name in sorted(images.keys() | maps.keys()):
            have, labelled = images.get(name, set()), maps.get(name, set())
            if have != labelled:
                first = sorted(have ^ labelled)[0]
                what = 'panoptic map' if first in have else 'image'
                problems.append(
                    f'{split}/{name}: {len(have)} images, {len(labelled)} maps; first {what} missing: {first}.png'
                )
        wrong = [name for name in images if (name in VAL_SEQUENCES) != (split == 'val')]
        if wrong:
            problems.append(f'{split}: sequences of the other split: {", ".join(sorted(wrong))}')
    return problems


def _folders(root: Path) -> list[Path]:
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith('.'))


def _frames(root: Path) -> dict[str, set[str]]:
    return {p.name: {f.stem for f in p.glob('*.png')} for p in _folders(root)} if root.is_dir() else {}


def _split_count(text: str) -> tuple[str, int]:
    split, _, number = text.partition('=')
    if split not in OFFICIAL_FRAMES or not number.isdigit():
        raise argparse.ArgumentTypeError(f'{text!r}: give train=N, val=N or test=N')
    return split, int(number)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n\n')[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('kitti_tracking', type=Path, nargs='?', help='holds {training,testing}/image_02/<seq>/*.png')
    parser.add_argument('panoptic_maps', type=Path, nargs='?', help='holds {train,val}/<seq>/*.png')
    parser.add_argument('--out', type=Path, default=Path('data/kitti_step'), help='where the data set is laid out')
    parser.add_argument('--copy', action='store_true', help='copy the frames instead of linking the folders')
    parser.add_argument('--check', action='store_true', help='only check what lies in --out')
    parser.add_argument(
        '--expect-frames', type=_split_count, nargs='+', default=[], metavar='SPLIT=N', help='other frame counts'
    )
    parser.add_argument(
        '--expect-sequences', type=_split_count, nargs='+', default=[], metavar='SPLIT=N', help='other sequence counts'
    )
    args = parser.parse_args(argv)
    if not args.check and args.panoptic_maps is None:
        parser.error('KITTI_TRACKING and PANOPTIC_MAPS are needed, unless --check is given')
    return args


def main(argv: list[str] | None = None) -> int:
    """Run the tool; the result is the exit status."""
    args = parse_args(argv)
    try:
        if not args.check:
            for source, target in plan(args.kitti_tracking, args.panoptic_maps):
                place(source, args.out / target, args.copy)
    except OSError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    problems = check(args.out, OFFICIAL_FRAMES | dict(args.expect_frames), NUM_SEQUENCES | dict(args.expect_sequences))
    for problem in problems:
        print(f'mismatch: {problem}', file=sys.stderr)
    print(f'{args.out}: {"complete" if not problems else f"{len(problems)} mismatches"}')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
