"""Checking data sets whose videos are listed in text files (VSPW, DAVIS): shared by their tools."""

import hashlib
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from videoseg.evaluation.formats.files import safe_join
from videoseg.evaluation.formats.png import open_png

MAX_SHOWN = 20
CheckMap = Callable[[np.ndarray, str], list[str]]


@dataclass
class SplitReport:
    """Counts, hash and problems of one split.

    Attributes:
        name: Of the split.
        videos, frames, maps: Counts.
        sizes: (H, W) -> number of videos that begin with a frame of that size.
        digest: SHA-256 over the names and lengths of all files.
        problems: A line each.
    """

    name: str
    videos: int = 0
    frames: int = 0
    maps: int = 0
    sizes: Counter = field(default_factory=Counter)
    digest: str = ''
    problems: list[str] = field(default_factory=list)

    def line(self) -> str:
        """The split's line of the table."""
        return f'{self.name:<6} {self.videos:>7} {self.frames:>8} {self.maps:>8}  {self.digest}'


def check_split(
    name: str,
    list_file: Path,
    folders: Callable[[str], tuple[Path, Path]],
    with_maps: bool,
    check_size: Callable[[tuple[int, int], str], list[str]] | None = None,
    check_map: CheckMap | None = None,
) -> SplitReport:
    """Check the videos of one list.

    Args:
        name: Of the split.
        list_file: Text file of video names.
        folders: Video name -> folders of its images and of its maps.
        with_maps: Every image must have a map. Otherwise videos may be without (hidden ground truth).
        check_size: (H, W) of a video and its name -> what is wrong with it. Default: any size will do.
        check_map: Pixels of a map and its path -> what is wrong. Default: only the headers are read.
    """
    report = SplitReport(name)
    names = [line.strip() for line in list_file.read_text(encoding='utf-8').splitlines() if line.strip()]
    report.problems += [f'{list_file}: video {n} is there twice' for n, count in Counter(names).items() if count > 1]
    digest = hashlib.sha256()
    for video in names:
        safe_join('.', video, str(list_file))
        img_folder, seg_folder = folders(video)
        images, maps = _files(img_folder, ('.jpg', '.jpeg')), _files(seg_folder, ('.png',))
        report.videos += 1
        report.frames += len(images)
        report.maps += len(maps)
        for path in [*images.values(), *maps.values()]:
            digest.update(f'{video}/{path.parent.name}/{path.name} {path.stat().st_size}\n'.encode())
        report.problems += _pairs(f'{name}/{video}', img_folder, images, maps, with_maps)
        report.problems += _pixels(video, images, maps, report.sizes, check_size, check_map)
    report.digest = digest.hexdigest()
    return report


def print_reports(reports: list[SplitReport], root: Path, expected: dict[str, int]) -> int:
    """Print table and problems.

    Args:
        reports: One a split.
        root: Of the data set.
        expected: Split -> number of videos it must have.

    Returns:
        Exit status.
    """
    print(f'{"split":<6} {"videos":>7} {"frames":>8} {"maps":>8}  sha256 of names and lengths')
    problems = []
    for report in reports:
        print(report.line())
        problems += report.problems
        if report.name in expected and report.videos != expected[report.name]:
            problems.append(f'{report.name}: {report.videos} videos, expected {expected[report.name]}')
    for problem in problems[:MAX_SHOWN]:
        print(f'mismatch: {problem}', file=sys.stderr)
    if len(problems) > MAX_SHOWN:
        print(f'... and {len(problems) - MAX_SHOWN} more', file=sys.stderr)
    print(f'{root}: {"complete" if not problems else f"{len(problems)} mismatches"}')
    return 1 if problems else 0


def _files(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    found = (p for p in folder.iterdir() if p.suffix.lower() in suffixes and not p.name.startswith('.'))
    return {p.stem: p for p in sorted(found)}


def _pairs(where: str, folder: Path, images: dict[str, Path], maps: dict[str, Path], with_maps: bool) -> list[str]:
    if not images:
        return [f'{where}: no images in {folder}']
    if not maps and not with_maps:
        return []
    if unpaired := sorted(images.keys() ^ maps.keys()):
        what = 'map' if unpaired[0] in images else 'image'
        return [f'{where}: {len(images)} images, {len(maps)} maps; first {what} missing: {unpaired[0]}']
    return []


def _pixels(
    video: str,
    images: dict[str, Path],
    maps: dict[str, Path],
    sizes: Counter,
    check_size: Callable[[tuple[int, int], str], list[str]] | None,
    check_map: CheckMap | None,
) -> list[str]:
    """Sizes of images and maps, and the values of the maps."""
    problems, first = [], None
    for frame, path in images.items():
        try:
            with Image.open(path) as image:
                size = image.size[::-1]
            if first is None:
                first = size
                sizes[size] += 1
                problems += check_size(size, f'{video} ({path})') if check_size else []
            if size != first:
                problems.append(f'{path}: size (H, W) is {size}, but its video begins with {first}')
            if frame in maps and check_map is not None:
                problems += check_map(open_png(maps[frame], ('L', 'P'), size), str(maps[frame]))
            elif frame in maps:
                with Image.open(maps[frame]) as image:
                    if image.mode not in ('L', 'P') or image.size[::-1] != size:
                        problems.append(f'{maps[frame]}: {image.mode} {image.size[::-1]}, expected L or P {size}')
        except (OSError, ValueError) as error:
            problems.append(f'{path if isinstance(error, OSError) else ""}: {error}'.lstrip(': '))
    return problems
