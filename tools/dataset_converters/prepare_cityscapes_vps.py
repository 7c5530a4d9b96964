"""Lay Cityscapes-VPS out under data/cityscapes_vps from its download and Cityscapes' image sequences.

    python tools/dataset_converters/prepare_cityscapes_vps.py VPS SEQUENCES [--out data/cityscapes_vps]
    python tools/dataset_converters/prepare_cityscapes_vps.py --check

VPS holds <split>/panoptic_video/*.png, panoptic_gt_<split>_city_vps.json (labelled frames) and
im_all_info_<split>_city_vps.json (all frames); SEQUENCES is Cityscapes' leftImg8bit_sequence, <split>/<city>/*.png: the
image <video>_<frame>_<city>_<sequence>_<frame>_newImg8bit.png is <city>_<sequence>_<frame>_leftImg8bit.png there, in
any of its splits. The result links to both (or copies with --copy): <split>/img_all/, <split>/panoptic_video/ and the
jsons. It can be run again at any time. At the end every map is read and everything counted; --check does only that.
"""

import argparse
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from panoptic_checks import MapReport, check_maps, print_reports
from placing import place

from videoseg.datasets.cityscapes_vps import CityscapesVPSDataset
from videoseg.datasets.synthetic.integrity import exclusive_writer
from videoseg.evaluation.formats.cityscapes_vps import FRAMES_PER_VIDEO
from videoseg.evaluation.formats.files import read_json

VIDEOS = dict(train=400, val=50, test=50)
"""Kim et al., Video Panoptic Segmentation; 30 frames each, of which 6 are labelled."""
FRAMES = 30

_IMAGE = re.compile(r'\d+_\d+_([A-Za-z-]+_\d+_\d+)_(?:newImg8bit|leftImg8bit)\.png')


def image_names(vps: Path, split: str) -> list[str]:
    """File names of the images of a split: all frames, or the labelled ones where the download tells no more.

    Raises:
        FileNotFoundError: If there is no json.
        ValueError: If the json is wrong or a name is not one of Cityscapes-VPS.
    """
    path = vps / f'im_all_info_{split}_city_vps.json'
    if not path.is_file():
        path = vps / f'panoptic_gt_{split}_city_vps.json'
        print(f'{split}: no im_all_info_{split}_city_vps.json, only labelled frames are laid out')
    content = read_json(path)
    images = content.get('images') if isinstance(content, dict) else None
    if not isinstance(images, list) or not images:
        raise ValueError(f'{path}: no images in it')
    names = [image.get('file_name') for image in images if isinstance(image, dict)]
    if wrong := [name for name in names if not isinstance(name, str) or not _IMAGE.fullmatch(name)]:
        raise ValueError(
            f'{path}: {wrong[0]!r} is no <video>_<frame>_<city>_<sequence>_<frame>_newImg8bit.png; refused'
        )
    return names


def list_sequences(root: Path) -> dict[str, Path]:
    """``<city>_<sequence>_<frame>`` -> image of Cityscapes' sequences.

    Raises:
        FileNotFoundError: If there is none.
    """
    found = {path.name.removesuffix('_leftImg8bit.png'): path for path in root.glob('*/*/*_leftImg8bit.png')}
    if not found:
        raise FileNotFoundError(f'{root}: no images <split>/<city>/*_leftImg8bit.png in it')
    return found


def lay_out(args: argparse.Namespace) -> None:
    """Link or copy everything.

    Raises:
        FileNotFoundError: If an image, a folder or a json is missing; naming it.
        FileExistsError: If something else is in the way.
        ValueError: If a json is wrong.
    """
    sequences = list_sequences(args.sequences)
    for split in args.splits:
        names = image_names(args.vps, split)
        sources = {name: sequences.get(_IMAGE.fullmatch(name)[1]) for name in names}
        if missing := [name for name, source in sources.items() if source is None]:
            raise FileNotFoundError(
                f'{args.sequences}: {split}: image of {missing[0]} missing, and {len(missing) - 1} more of {len(names)}'
            )
        for name, source in sources.items():
            place(source, args.out / split / 'img_all' / name, args.copy)
        place(args.vps / split / 'panoptic_video', args.out / split / 'panoptic_video', args.copy)
        for kind in ('panoptic_gt', 'im_all_info'):
            name = f'{kind}_{split}_city_vps.json'
            if kind == 'panoptic_gt' or (args.vps / name).is_file():
                place(args.vps / name, args.out / name, args.copy)


def check(out: Path, split: str) -> MapReport:
    """Read every map of a split."""
    dataset = CityscapesVPSDataset(
        ann_file=f'panoptic_gt_{split}_city_vps.json',
        data_root=str(out),
        data_prefix=dict(img=f'{split}/img_all', seg=f'{split}/panoptic_video'),
        test_mode=True,
        serialize_data=False,
    )
    return check_maps(split, dataset)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n\n')[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('vps', type=Path, nargs='?', help='the download of Cityscapes-VPS')
    parser.add_argument('sequences', type=Path, nargs='?', help="Cityscapes' leftImg8bit_sequence")
    parser.add_argument('--out', type=Path, default=Path('data/cityscapes_vps'), help='where the data set is laid out')
    parser.add_argument('--splits', nargs='+', choices=list(VIDEOS), default=['train', 'val'], help='parts of it')
    parser.add_argument('--copy', action='store_true', help='copy instead of linking')
    parser.add_argument('--check', action='store_true', help='only check what lies in --out')
    parser.add_argument('--any-number', action='store_true', help='do not compare the numbers of videos: a subset')
    args = parser.parse_args(argv)
    if not args.check and args.sequences is None:
        parser.error('VPS and SEQUENCES are needed, unless --check is given')
    return args


def main(argv: list[str] | None = None) -> int:
    """Run the tool; the result is the exit status."""
    args = parse_args(argv)
    try:
        if not args.check:
            args.out.mkdir(parents=True, exist_ok=True)
            with exclusive_writer(args.out):
                lay_out(args)
        reports = [check(args.out, split) for split in args.splits]
    except (OSError, ValueError, RuntimeError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    numbers = {} if args.any_number else VIDEOS
    expected = {
        split: dict(videos=count, frames=count * FRAMES, labelled=count * FRAMES_PER_VIDEO)
        for split, count in numbers.items()
    }
    return print_reports(reports, args.out, expected)


if __name__ == '__main__':
    sys.exit(main())
