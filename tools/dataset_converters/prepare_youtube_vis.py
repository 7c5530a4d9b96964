"""Split the training json of YouTube-VIS 2019/2021 or OVIS into a training and a small validation part.

    python tools/dataset_converters/prepare_youtube_vis.py data/youtube_vis_2021/train.json --images train/JPEGImages
    python tools/dataset_converters/prepare_youtube_vis.py data/youtube_vis_2021/train.json --check

The ground truth of the official validation sets is hidden, so a part of the training videos is kept for validation.
Whole videos are chosen, by a hash of the seed and the video's id: the same videos in every run, on every machine. The
parts are <name>_minitrain.json and <name>_minival.json beside the json or in --out. The tool can be run again at any
time; parts that are there and are not the ones that would be made are an error. --check writes nothing. With --images
(relative to the json) every frame must be there. The exit status is not 0 if anything is wrong.
"""

import argparse
import hashlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from videoseg.datasets.track_annotations import TrackAnnotations
from videoseg.evaluation.formats.files import read_json, safe_join

PARTS = ('minitrain', 'minival')


def choose_videos(video_ids: list[int], seed: int, number: int) -> set[int]:
    """The validation videos: those with the smallest hash of seed and id.

    Args:
        video_ids: Ids of all videos.
        seed: Another seed gives other videos.
        number: How many.

    Raises:
        ValueError: If that leaves no video for one of the parts.
    """
    if not 0 < number < len(video_ids):
        raise ValueError(f'{number} of {len(video_ids)} videos for validation: each part needs at least one')
    return set(sorted(video_ids, key=lambda i: hashlib.sha256(f'{seed}:{i}'.encode()).hexdigest())[:number])


def split(content: dict[str, Any], chosen: set[int]) -> dict[str, dict[str, Any]]:
    """The two parts; everything but videos and annotations is in both."""
    parts = {}
    for part in PARTS:
        inside = (lambda i: i in chosen) if part == 'minival' else (lambda i: i not in chosen)
        parts[part] = content | dict(
            videos=[v for v in content['videos'] if inside(v['id'])],
            annotations=[a for a in content['annotations'] if inside(a['video_id'])],
        )
    return parts


def missing_images(content: dict[str, Any], folder: Path, source: Path) -> list[str]:
    """Frames of the json that are not on disk; folders are listed, not files looked up."""
    listed: dict[Path, set[str]] = {}
    missing = []
    for video in content['videos']:
        for name in video['file_names']:
            path = safe_join(folder, name, f'{source}: video {video["id"]}')
            if path.parent not in listed:
                listed[path.parent] = {p.name for p in path.parent.iterdir()} if path.parent.is_dir() else set()
            if path.name not in listed[path.parent]:
                missing.append(f'video {video["id"]}: {path} is missing')
    return missing


def describe(part: str, content: dict[str, Any], data: bytes) -> str:
    """A line of the report."""
    frames = sum(len(v['file_names']) for v in content['videos'])
    masks = sum(s is not None for a in content['annotations'] for s in a['segmentations'])
    return (
        f'{part:<10} {len(content["videos"]):>7} {frames:>8} {len(content["annotations"]):>7} {masks:>8}  '
        f'{hashlib.sha256(data).hexdigest()}'
    )


def unseen_classes(content: dict[str, Any]) -> list[str]:
    """Names of the categories without a track."""
    counts = Counter(a['category_id'] for a in content['annotations'])
    return [str(c.get('name', c['id'])) for c in content['categories'] if not counts[c['id']]]


def run(args: argparse.Namespace) -> list[str]:
    """Make or check the parts and print the report.

    Returns:
        What is wrong, a line each.

    Raises:
        FileNotFoundError: If the json is missing.
        ValueError: If the json is not what it should be, or the split is not possible.
    """
    annotations = TrackAnnotations(args.json)
    if not annotations.has_annotations:
        raise ValueError(f'{args.json}: no annotations in it; give the training json')
    annotations.videos('', {i: label for label, i in enumerate(annotations.categories)})
    content = read_json(args.json)
    number = args.val_videos or max(1, round(args.val_fraction * len(content['videos'])))
    parts = split(content, choose_videos([v['id'] for v in content['videos']], args.seed, number))
    problems = []
    if args.images is not None:
        problems += missing_images(content, args.json.parent / args.images, args.json)
    print(f'{"part":<10} {"videos":>7} {"frames":>8} {"tracks":>7} {"masks":>8}  sha256')
    print(describe('all', content, args.json.read_bytes()))
    pending = {}
    for part, data in parts.items():
        text = (json.dumps(data, separators=(',', ':')) + '\n').encode()
        target = (args.out or args.json.parent) / f'{args.json.stem}_{part}.json'
        print(describe(part, data, text))
        if unseen := unseen_classes(data):
            print(f'{part}: no track of {", ".join(unseen)}')
        there = target.read_bytes() if target.is_file() else None
        if there is None and args.check:
            problems.append(f'{target} is missing')
        elif there is None:
            pending[target] = text
        elif there != text:
            problems.append(f'{target} is another split, or changed; remove it, or give its --seed and --val-videos')
    for target, text in pending.items() if not problems else ():
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f'.{target.name}.tmp')
        temporary.write_bytes(text)
        temporary.replace(target)
    return problems


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n\n')[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('json', type=Path, help='the training json')
    parser.add_argument('--out', type=Path, help='folder of the two parts; beside the json if not given')
    parser.add_argument('--images', help='folder of the images, relative to the json: every frame must be there')
    parser.add_argument('--seed', type=int, default=0, help='another seed gives other validation videos')
    size = parser.add_mutually_exclusive_group()
    size.add_argument('--val-fraction', type=float, default=0.1, help='part of the videos that is for validation')
    size.add_argument('--val-videos', type=int, help='number of videos for validation, instead')
    parser.add_argument('--check', action='store_true', help='only compare the parts with what would be made')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the tool; the result is the exit status."""
    args = parse_args(argv)
    try:
        problems = run(args)
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    for problem in problems[:20]:
        print(f'mismatch: {problem}', file=sys.stderr)
    print(f'{args.json}: {"complete" if not problems else f"{len(problems)} mismatches"}')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
