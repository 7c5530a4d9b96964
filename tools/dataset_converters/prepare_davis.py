"""Check DAVIS-2017 (480p): lists of videos, image and annotation files, sizes, and with --pixels every annotation.

    python tools/dataset_converters/prepare_davis.py data/DAVIS [--pixels]

Nothing has to be converted: DAVISDataset reads the official layout, JPEGImages/480p/<video>/*.jpg,
Annotations/480p/<video>/*.png and ImageSets/2017/{train,val}.txt. The tool counts what is there, hashes names and
lengths of the files and ends with exit status 1 if videos, images or annotations are missing, a size is not that of its
image, or (--pixels) the object ids of a video are not 1 ... n. It writes nothing and can be run at any time.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from listed_videos import check_split, print_reports

SPLITS = dict(train=60, val=30)
"""Number of videos (Pont-Tuset et al., DAVIS-2017)."""
VOID = 255


def check_ids(objects: dict[str, set[int]]) -> list[str]:
    """Videos of which the object ids are not 1 ... n."""
    return [
        f'{video}: object ids are {sorted(ids)}, expected 1 ... {len(ids)}'
        for video, ids in objects.items()
        if ids != set(range(1, len(ids) + 1))
    ]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n\n')[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('root', type=Path, help='holds JPEGImages, Annotations and ImageSets')
    parser.add_argument('--splits', nargs='+', choices=list(SPLITS), default=list(SPLITS), help='lists to check')
    parser.add_argument('--pixels', action='store_true', help='read every annotation, not only its header')
    parser.add_argument('--check', action='store_true', help='the same: the tool only ever checks')
    parser.add_argument('--any-number', action='store_true', help='do not compare the numbers of videos: a subset')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the tool; the result is the exit status."""
    args = parse_args(argv)
    objects: dict[str, set[int]] = defaultdict(set)

    def note_objects(pixels: np.ndarray, path: str) -> list[str]:
        objects[Path(path).parent.name] |= set(np.unique(pixels).tolist()) - {0, VOID}
        return []

    try:
        reports = [
            check_split(
                split,
                args.root / 'ImageSets/2017' / f'{split}.txt',
                lambda video: tuple(args.root / kind / '480p' / video for kind in ('JPEGImages', 'Annotations')),
                with_maps=True,
                check_map=note_objects if args.pixels else None,
            )
            for split in args.splits
        ]
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    reports[-1].problems += check_ids(objects)
    if args.pixels:
        print(f'{sum(map(len, objects.values()))} objects in {len(objects)} videos')
    return print_reports(reports, args.root, {} if args.any_number else SPLITS)


if __name__ == '__main__':
    sys.exit(main())
