"""Reading every frame of a panoptic data set and telling what is there; shared by the tools."""

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from videoseg.datasets.base_video_panoptic import BaseVideoPanopticDataset
from videoseg.datasets.map_decoders import MAP_DECODERS
from videoseg.structures.ids import decode_ids

MAX_SHOWN = 20


@dataclass
class MapReport:
    """Counts, hash and problems of one split.

    Attributes:
        name: Of the split.
        videos, frames, labelled: Counts.
        instances: Number of tracks of things, crowds not counted.
        digest: SHA-256 over contents of the PNGs and names and lengths of the images, in order.
        problems: A line each, naming video and frame.
        notes: What is unusual but allowed.
    """

    name: str
    videos: int = 0
    frames: int = 0
    labelled: int = 0
    instances: int = 0
    digest: str = ''
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def line(self) -> str:
        """The split's line of the table."""
        counts = f'{self.videos:>7} {self.frames:>8} {self.labelled:>8} {self.instances:>9}'
        return f'{self.name:<10} {counts}  {self.digest}'


def check_maps(name: str, dataset: BaseVideoPanopticDataset, whole_images: bool = False) -> MapReport:
    """Decode the label map of every frame.

    Args:
        name: Of the split.
        dataset: Built with ``test_mode=True``; its pipeline is not used.
        whole_images: Decode the images too, not only their headers.
    """
    report = MapReport(name, videos=dataset.num_videos)
    digest = hashlib.sha256()
    for number in range(dataset.num_videos):
        video = dataset.get_video(number)
        tracks: set[int] = set()
        sizes: dict[tuple[int, int], str] = {}
        for t, path in enumerate(map(Path, video['img_paths'])):
            report.frames += 1
            where = f'video {video["video_id"]!r}, frame {path.stem!r}'
            try:
                size = image_size(path, whole_images)
                sizes.setdefault(size, path.stem)
                digest.update(f'{video["video_id"]}/{path.name} {path.stat().st_size}\n'.encode())
                seg_path = video['seg_map_paths'] and video['seg_map_paths'][t]
                if seg_path:
                    report.labelled += 1
                    digest.update(Path(seg_path).read_bytes())
                    segments = video['segments'][t] if video.get('segments') else None
                    decoded = MAP_DECODERS[dataset.seg_encoding](seg_path, size, dataset.label_map, segments)
                    tracks |= thing_ids(decoded['gt_seg_map'], dataset.label_map.num_things)
            except (OSError, ValueError) as error:
                report.problems.append(f'{where}: {error}')
        if len(sizes) > 1:
            shown = ', '.join(f'{size} from frame {stem!r}' for size, stem in sizes.items())
            report.problems.append(f'video {video["video_id"]!r}: frames of different size (H, W): {shown}')
        report.instances += len(tracks)
    report.digest = digest.hexdigest()
    return report


def image_size(path: Path, whole: bool = False) -> tuple[int, int]:
    """(H, W) of an image.

    Args:
        path: The image.
        whole: Decode it, to see whether it is truncated. Default: read the header.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read.
    """
    try:
        with Image.open(path) as image:
            if whole:
                image.load()
            return image.size[::-1]
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f'{path}: image cannot be read, perhaps truncated ({error})') from error


def thing_ids(ids: np.ndarray, num_things: int) -> set[int]:
    """Panoptic ids of the instances of things in a map (H, W)."""
    unique = np.unique(ids)
    labels, instances = decode_ids(unique)
    return set(unique[(labels < num_things) & (instances > 0)].tolist())


def print_reports(reports: list[MapReport], root: Path, expected: Mapping[str, Mapping[str, Any]]) -> int:
    """Print table, notes and problems.

    Args:
        reports: One a split.
        root: Of the data set.
        expected: Split -> attribute of the report (``videos``, ``frames``, ``labelled``) -> what it must be.

    Returns:
        Exit status.
    """
    print(f'{"split":<10} {"videos":>7} {"frames":>8} {"labelled":>8} {"instances":>9}  sha256')
    problems = []
    for report in reports:
        print(report.line())
        problems += [f'{report.name}: {problem}' for problem in report.problems]
        for key, number in expected.get(report.name, {}).items():
            if getattr(report, key) != number:
                problems.append(f'{report.name}: {getattr(report, key)} {key}, expected {number}')
    for report in reports:
        for note in report.notes:
            print(f'note: {report.name}: {note}')
    return print_problems(problems, root)


def print_problems(problems: list[str], root: Path, max_shown: int = MAX_SHOWN) -> int:
    """Print what is wrong and a last line; returns the exit status."""
    for problem in problems[:max_shown]:
        print(f'problem: {problem}', file=sys.stderr)
    if len(problems) > max_shown:
        print(f'... and {len(problems) - max_shown} more', file=sys.stderr)
    print(f'{root}: {"complete" if not problems else f"{len(problems)} problems"}')
    return 1 if problems else 0
