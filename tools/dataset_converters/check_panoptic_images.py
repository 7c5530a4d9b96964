"""Check COCO or Cityscapes panoptic images: every map is read and compared with its json and its image.

    python tools/dataset_converters/check_panoptic_images.py coco data/coco [--splits val]
    python tools/dataset_converters/check_panoptic_images.py cityscapes data/cityscapes

Nothing has to be converted: the data sets read the official layouts (docs/datasets.md). For Cityscapes make the jsons
with its own scripts (createPanopticImgs). The tool writes nothing; it ends with counts and a hash and with exit status
1 if anything is missing or wrong, or the number of images is not the official one.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from panoptic_checks import check_maps, print_reports

from videoseg.datasets.cityscapes_panoptic import CityscapesPanopticImageDataset
from videoseg.datasets.coco_panoptic_images import COCOPanopticImageDataset

CLASSES = dict(coco=COCOPanopticImageDataset, cityscapes=CityscapesPanopticImageDataset)
IMAGES = dict(coco=dict(train=118287, val=5000), cityscapes=dict(train=2975, val=500))
"""Official numbers."""


def layout(kind: str, split: str) -> dict[str, Any]:
    """Where the official layout has the files of a split."""
    if kind == 'coco':
        folder = f'annotations/panoptic_{split}2017'
        return dict(ann_file=f'{folder}.json', data_prefix=dict(img=f'{split}2017', seg=folder))
    folder = f'gtFine/cityscapes_panoptic_{split}'
    return dict(ann_file=f'{folder}.json', data_prefix=dict(img=f'leftImg8bit/{split}', seg=folder))


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n\n')[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('kind', choices=list(CLASSES), help='which data set')
    parser.add_argument('root', type=Path, help='its folder')
    parser.add_argument('--splits', nargs='+', choices=['train', 'val'], default=['train', 'val'], help='parts of it')
    parser.add_argument('--check', action='store_true', help='the same: the tool only ever checks')
    parser.add_argument('--any-number', action='store_true', help='do not compare the numbers of images: a subset')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the tool; the result is the exit status."""
    args = parse_args(argv)
    try:
        reports = [
            check_maps(
                split,
                CLASSES[args.kind](
                    data_root=str(args.root), test_mode=True, serialize_data=False, **layout(args.kind, split)
                ),
            )
            for split in args.splits
        ]
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    numbers = {} if args.any_number else IMAGES[args.kind]
    return print_reports(reports, args.root, {split: dict(videos=count) for split, count in numbers.items()})


if __name__ == '__main__':
    sys.exit(main())
