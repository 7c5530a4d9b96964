"""Convert VIPSeg as published to frames of 720 lines, RGB ids and jsons; no frame is lost.

    python tools/dataset_converters/prepare_vipseg.py VIPSEG [--out data/VIPSeg/VIPSeg_720P] [--height 720]
    python tools/dataset_converters/prepare_vipseg.py VIPSEG --check

VIPSEG holds imgs/<video>/*.jpg, panomasks/<video>/*.png (16 bit), {train,val,test}.txt and panoVIPSeg_categories.json.
The result is imgs/, panomasksRGB/ and panoptic_gt_VIPSeg_{train,val,test}.json in --out: height 720, width
int(720 * w / h), masks by nearest neighbour, images bilinear (copied where they have the size already). The id of a
segment is its value in the published mask, hence constant over a video.

It can be interrupted and run again at any time: finished videos are kept. One process writes at a time. An image or
mask that cannot be read is an error that names it, and frames are counted against VIPSEG at the end (with VIPSEG given
also by --check). The json of a split is written when all its videos are there.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from panoptic_checks import MapReport, check_maps, image_size, print_reports

from videoseg.datasets.label_map import LabelMap
from videoseg.datasets.map_decoders import VIPSEG_VOID, vipseg_panoptic_ids
from videoseg.datasets.synthetic.integrity import exclusive_writer
from videoseg.datasets.vipseg import CATEGORIES_FILE, VIPSegDataset
from videoseg.evaluation.formats.files import read_json, write_json
from videoseg.evaluation.formats.id_png import distinct_ids, segments_info, write_id_png
from videoseg.evaluation.formats.png import open_png
from videoseg.structures.ids import DIVISOR

SPLITS = dict(train=2806, val=343, test=387)
"""Number of videos (Miao et al., VIPSeg)."""
RECORDS = '.records'
JPEG_QUALITY = 95
Record = dict[str, Any]


def read_source(root: Path, splits: list[str]) -> dict[str, VIPSegDataset]:
    """The published data set, with every image paired with its mask.

    Raises:
        FileNotFoundError, ValueError: If anything is missing; naming it.
    """
    prefix = dict(img='imgs', seg='panomasks')
    return {
        split: VIPSegDataset(
            ann_file=f'{split}.txt',
            data_root=str(root),
            data_prefix=prefix,
            seg_encoding='vipseg_raw',
            img_suffixes=('.jpg',),
            test_mode=True,
            serialize_data=False,
        )
        for split in splits
    }


def finished_record(video: Mapping[str, Any], out: Path, height: int) -> Record | None:
    """What an earlier run recorded of a video; None if it is not there, not complete, or its source has changed since.

    Raises:
        ValueError: If it was made with another height.
    """
    path = out / RECORDS / f'{video["video_id"]}.json'
    if not path.is_file():
        return None
    record = read_json(path)
    if record['height'] != height:
        raise ValueError(f'{out} was made with --height {record["height"]}; choose another folder')
    files = [
        out / folder / video['video_id'] / frame[kind]['file_name']
        for frame in record['frames']
        for folder, kind in (('imgs', 'image'), ('panomasksRGB', 'annotation'))
    ]
    return record if record['source'] == _source(video) and all(x.is_file() for x in files) else None


def convert_video(video: Mapping[str, Any], label_map: LabelMap, out: Path, height: int) -> Record:
    """Convert one video.

    Args:
        video: Entry of the published data set.
        label_map: Class ids to labels.
        out: Folder of the result.
        height: Height of the frames (H); the width is ``int(H * w / h)``.

    Returns:
        Its part of the jsons and how it was made.

    Raises:
        ValueError: If an image or mask cannot be read, they differ in size, or a mask has a wrong value.
    """
    pairs = zip(map(Path, video['img_paths']), map(Path, video['seg_map_paths']), strict=True)
    frames = [convert_frame(img, seg, label_map, out, video['video_id'], height) for img, seg in pairs]
    record = dict(height=height, source=_source(video), frames=frames)
    write_json(out / RECORDS / f'{video["video_id"]}.json', record)
    return record


def _source(video: Mapping[str, Any]) -> dict[str, list[int]]:
    """Frame -> lengths of its two files."""
    pairs = zip(map(Path, video['img_paths']), map(Path, video['seg_map_paths']), strict=True)
    return {img.stem: [img.stat().st_size, seg.stat().st_size] for img, seg in pairs}


def convert_frame(img: Path, seg: Path, label_map: LabelMap, out: Path, video: str, height: int) -> dict[str, Any]:
    """Convert one frame; returns its entries in the jsons.

    Raises:
        ValueError: As :func:`convert_video`.
    """
    old = image_size(img, whole=True)
    values = open_png(seg, ('I;16', 'I;16B', 'I'), old).astype(np.int32)
    present = distinct_ids(values)
    labels = vipseg_panoptic_ids(present, label_map, str(seg)) // DIVISOR
    size = (height, int(height * old[1] / old[0]))
    ids = np.asarray(Image.fromarray(values).resize(size[::-1], Image.Resampling.NEAREST))
    ids = np.where(np.isin(ids, VIPSEG_VOID), 0, ids)
    categories = dict(zip(present.tolist(), label_map.to_raw(labels).tolist(), strict=True))
    write_id_png(out / 'panomasksRGB' / video / f'{img.stem}.png', ids)
    write_image(img, out / 'imgs' / video / f'{img.stem}.jpg', size, copy=size == old)
    return dict(
        image=dict(id=img.stem, file_name=f'{img.stem}.jpg', width=size[1], height=size[0]),
        annotation=dict(image_id=img.stem, file_name=f'{img.stem}.png', segments_info=segments_info(ids, categories)),
        odd_void=bool((present == VIPSEG_VOID[1]).any()),
    )


def write_image(source: Path, target: Path, size: tuple[int, int], copy: bool) -> None:
    """Write an image of another size so that it is never seen half-written.

    Args:
        source: The image.
        target: A JPEG; missing folders are made.
        size: (H, W).
        copy: It has that size already.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f'.{target.name}.{os.getpid()}.tmp')
    try:
        if copy:
            temporary.write_bytes(source.read_bytes())
        else:
            with Image.open(source) as image:
                resized = image.convert('RGB').resize(size[::-1], Image.Resampling.BILINEAR)
            resized.save(temporary, format='JPEG', quality=JPEG_QUALITY)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def split_json(records: Mapping[str, Record], categories: list[dict[str, Any]]) -> dict[str, Any]:
    """Content of a split's json."""
    return dict(
        videos=[dict(video_id=x, images=[f['image'] for f in r['frames']]) for x, r in records.items()],
        annotations=[dict(video_id=x, annotations=[f['annotation'] for f in r['frames']]) for x, r in records.items()],
        categories=categories,
    )


def read_categories(root: Path, dataset: VIPSegDataset) -> list[dict[str, Any]]:
    """``categories`` of the jsons: the file that comes with VIPSeg, else ids and things only."""
    if (root / CATEGORIES_FILE).is_file():
        return read_json(root / CATEGORIES_FILE)
    print(f'{root / CATEGORIES_FILE}: not there, classes have no names')
    things = dataset.label_map.raw_ids[: dataset.label_map.num_things]
    names = dict(zip(dataset.label_map.raw_ids, dataset.label_map.classes, strict=True))
    return [dict(id=i, name=names[i], isthing=int(i in things)) for i in sorted(names)]


def convert(args: argparse.Namespace, source: Mapping[str, VIPSegDataset]) -> dict[str, list[str]]:
    """Convert all videos of the splits and write the jsons; returns notes by split."""
    notes = {}
    args.out.mkdir(parents=True, exist_ok=True)
    with exclusive_writer(args.out):
        for split, dataset in source.items():
            path = args.out / f'panoptic_gt_VIPSeg_{split}.json'
            records = {}
            for number in range(dataset.num_videos):
                video = dataset.get_video(number)
                record = finished_record(video, args.out, args.height)
                if record is None:
                    path.unlink(missing_ok=True)  # it would be older than its files
                    record = convert_video(video, dataset.label_map, args.out, args.height)
                records[video['video_id']] = record
                if (number + 1) % args.log_interval == 0:
                    print(f'{split}: {number + 1} of {dataset.num_videos} videos', flush=True)
            odd = sum(frame['odd_void'] for record in records.values() for frame in record['frames'])
            notes[split] = [f'{odd} frames have the mask value 200, which became void'] if odd else []
            content = split_json(records, read_categories(args.vipseg, dataset))
            if not path.is_file() or read_json(path) != content:
                write_json(path, content)
    return notes


def check(args: argparse.Namespace, source: Mapping[str, VIPSegDataset]) -> list[MapReport]:
    """Read the result and compare its frames with those of the published data set, where it is given."""
    reports = []
    for split in args.splits:
        dataset = VIPSegDataset(
            ann_file=f'panoptic_gt_VIPSeg_{split}.json',
            data_root=str(args.out),
            data_prefix=dict(img='imgs', seg='panomasksRGB'),
            test_mode=True,
            serialize_data=False,
        )
        report = check_maps(split, dataset)
        if split in source:
            wanted, found = _frame_names(source[split]), _frame_names(dataset)
            for video in sorted(wanted.keys() | found.keys()):
                if lost := sorted(wanted.get(video, set()) ^ found.get(video, set())):
                    report.problems.append(
                        f'video {video!r}, frame {lost[0]!r}: only in one of {args.vipseg}, {args.out}'
                    )
        reports.append(report)
    return reports


def _frame_names(dataset: VIPSegDataset) -> dict[str, set[str]]:
    videos = (dataset.get_video(v) for v in range(dataset.num_videos))
    return {video['video_id']: {Path(path).stem for path in video['img_paths']} for video in videos}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n\n')[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('vipseg', type=Path, nargs='?', help='holds imgs/, panomasks/ and {train,val,test}.txt')
    parser.add_argument('--out', type=Path, default=Path('data/VIPSeg/VIPSeg_720P'), help='folder of the result')
    parser.add_argument('--height', type=int, default=720, help='height of the frames')
    parser.add_argument('--splits', nargs='+', choices=list(SPLITS), default=list(SPLITS), help='lists to convert')
    parser.add_argument('--check', action='store_true', help='only check what lies in --out')
    parser.add_argument('--any-number', action='store_true', help='do not compare the numbers of videos: a subset')
    parser.add_argument('--log-interval', type=int, default=50, metavar='N', help='say how far it is every N videos')
    args = parser.parse_args(argv)
    if not args.check and args.vipseg is None:
        parser.error('VIPSEG is needed, unless --check is given')
    if args.vipseg is not None and args.out.resolve() == args.vipseg.resolve():
        parser.error('--out must be another folder than VIPSEG')
    if args.height < 1:
        parser.error('--height must be at least 1')
    return args


def main(argv: list[str] | None = None) -> int:
    """Run the tool; the result is the exit status."""
    args = parse_args(argv)
    try:
        source = read_source(args.vipseg, args.splits) if args.vipseg is not None else {}
        notes = {} if args.check else convert(args, source)
        reports = check(args, source)
    except (OSError, ValueError, RuntimeError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    for report in reports:
        report.notes += notes.get(report.name, [])
    expected = {} if args.any_number else {split: dict(videos=SPLITS[split]) for split in args.splits}
    return print_reports(reports, args.out, expected)


if __name__ == '__main__':
    sys.exit(main())
