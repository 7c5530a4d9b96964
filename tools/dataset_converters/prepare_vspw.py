"""Check VSPW (480p version): lists of videos, image and mask files, sizes, and with --pixels every mask.

    python tools/dataset_converters/prepare_vspw.py data/VSPW_480p [--pixels]

Nothing has to be converted: VSPWDataset reads the official layout, data/<video>/{origin/*.jpg,mask/*.png} and
{train,val,test}.txt. The tool counts what is there, hashes names and lengths of the files and ends with exit status 1
if videos, images or masks are missing, a size is not that of its image, the height is not --height, or (--pixels) a
mask has a value that is neither 0 ... 124 nor 255. It writes nothing and can be run at any time.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from listed_videos import check_split, print_reports

SPLITS = dict(train=2806, val=343, test=387)
"""Number of videos (Miao et al., VSPW)."""
ALLOWED = np.isin(np.arange(256), [*range(125), 255])


def check_values(pixels: np.ndarray, path: str) -> list[str]:
    """Values of a mask that VSPW does not have."""
    values = np.unique(pixels)
    wrong = values[~ALLOWED[values]]
    return [f'{path}: values {wrong[:10].tolist()}, expected 0 ... 124 or 255'] if len(wrong) else []


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n\n')[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('root', type=Path, help='holds data/ and {train,val,test}.txt')
    parser.add_argument('--splits', nargs='+', choices=list(SPLITS), default=['train', 'val'], help='lists to check')
    parser.add_argument('--height', type=int, default=480, help='height of all frames; 0: any')
    parser.add_argument('--pixels', action='store_true', help='read every mask, not only its header')
    parser.add_argument('--check', action='store_true', help='the same: the tool only ever checks')
    parser.add_argument('--any-number', action='store_true', help='do not compare the numbers of videos: a subset')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the tool; the result is the exit status."""
    args = parse_args(argv)

    def check_height(size: tuple[int, int], video: str) -> list[str]:
        wrong = args.height and size[0] != args.height
        return [f'{video}: height is {size[0]}, expected {args.height}; is it the full-size version?'] if wrong else []

    try:
        reports = [
            check_split(
                split,
                args.root / f'{split}.txt',
                lambda video: (args.root / 'data' / video / 'origin', args.root / 'data' / video / 'mask'),
                with_maps=split != 'test',
                check_size=check_height,
                check_map=check_values if args.pixels else None,
            )
            for split in args.splits
        ]
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return print_reports(reports, args.root, {} if args.any_number else SPLITS)


if __name__ == '__main__':
    sys.exit(main())
