"""Check videos of your own (VideoFolderDataset): all problems are listed, nothing is changed.

    python tools/dataset_converters/validate_video_folder.py data/farm [--quick]

The folder holds frames/<video>/*.jpg|png, panoptic/<video>/*.png and annotations.json, see docs/datasets.md ("Your own
videos"). Every problem is a line with video, frame and id. Exit status 1 if there are any. --quick does not decode the
images, only their headers. A folder without annotations.json is checked as one without labels.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from panoptic_checks import image_size, print_problems

from videoseg.datasets.frame_folders import Frames, list_frames
from videoseg.datasets.image_index import ImageIndex
from videoseg.datasets.map_decoders import check_segments
from videoseg.datasets.video_folder_annotations import read_categories, read_video_folder
from videoseg.evaluation.formats.class_table import ClassTable
from videoseg.evaluation.formats.files import read_json
from videoseg.evaluation.formats.id_png import distinct_ids, read_id_png
from videoseg.evaluation.formats.panoptic_json import PanopticFrame, PanopticVideos

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png')


class FolderValidator:
    """Collects everything that is wrong with a folder.

    Args:
        root: The folder.
        quick: Do not decode images.

    Attributes:
        problems: A line each.
        notes: What is allowed but worth knowing.
        counts: Videos, frames, labelled frames, segments.
    """

    def __init__(self, root: Path, quick: bool = False) -> None:
        self.root = root
        self.quick = quick
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.counts = dict.fromkeys(('videos', 'frames', 'labelled frames', 'segments'), 0)
        self._used: set[int] = set()

    def run(self) -> None:
        """Check everything."""
        annotated, table = self._read_json()
        try:
            index = ImageIndex(str(self.root / 'frames'), IMAGE_SUFFIXES)
        except FileNotFoundError:
            self.problems.append(f'{self.root / "frames"}: no such folder; it holds a folder of images for every video')
            return
        names = index.subfolders()
        if not names:
            self.problems.append(f'{self.root / "frames"}: no folders of videos in it')
        for name in [*names, *(x for x in annotated if x not in names)]:
            self.counts['videos'] += 1
            self._check_video(name, annotated.get(name, []))
        self._check_folders(annotated)
        if table is not None:
            unused = [n for i, n in zip(table.ids, table.names, strict=True) if table.labels[i] not in self._used]
            if unused:
                self.notes.append(f'classes without a segment: {", ".join(unused)}')
        if self.counts['frames'] > self.counts['labelled frames']:
            self.notes.append(
                f'{self.counts["frames"] - self.counts["labelled frames"]} frames are not labelled: they are not '
                'trained on and not scored'
            )

    def _read_json(self) -> tuple[PanopticVideos, ClassTable | None]:
        path = self.root / 'annotations.json'
        try:
            content = read_json(path)
        except FileNotFoundError:
            self.notes.append(f'{path}: not there, so there are no labels (tests only, with ann_file=None)')
            return {}, None
        except ValueError as error:
            self.problems.append(str(error))
            return {}, None
        table = read_categories(content, str(path), self.problems.append)
        labels = None if table is None else table.labels
        return read_video_folder(content, self.root / 'panoptic', labels, str(path), self.problems.append), table

    def _check_video(self, name: str, annotated: list[PanopticFrame]) -> None:
        folder = self.root / 'frames' / name
        images: Frames = {}
        try:
            images = list_frames(folder, IMAGE_SUFFIXES)
            if not images:
                self.problems.append(f'{folder}: video {name!r}: no images in it')
        except FileNotFoundError:
            self.problems.append(f'{folder}: video {name!r}: no such folder')
        except ValueError as error:
            self.problems.append(str(error))
            return
        sizes = {}
        for stem, path in images.items():
            self.counts['frames'] += 1
            try:
                sizes[stem] = image_size(Path(path), whole=not self.quick)
            except (OSError, ValueError) as error:
                self.problems.append(f'video {name!r}, frame {stem!r}: {error}')
        if len(set(sizes.values())) > 1:
            first = {size: stem for stem, size in reversed(sizes.items())}
            shown = ', '.join(f'{size} from {stem!r}' for size, stem in reversed(first.items()))
            self.problems.append(f'video {name!r}: frames of different size (H, W): {shown}')
        for frame in annotated:
            if frame.name not in images:
                self.problems.append(f'video {name!r}, frame {frame.name!r}: image missing in {folder}')
            self._check_map(name, frame, sizes.get(frame.name))

    def _check_map(self, name: str, frame: PanopticFrame, size: tuple[int, int] | None) -> None:
        self.counts['labelled frames'] += 1
        self.counts['segments'] += len(frame.segments)
        self._used |= {segment['category_id'] for segment in frame.segments}
        try:
            ids = distinct_ids(read_id_png(frame.path, size))
            check_segments(ids, {segment['id']: 0 for segment in frame.segments}, str(frame.path))
        except (OSError, ValueError) as error:
            self.problems.append(f'video {name!r}, frame {frame.name!r}: {error}')

    def _check_folders(self, annotated: PanopticVideos) -> None:
        """PNGs that the json says nothing of."""
        root = self.root / 'panoptic'
        for folder in sorted(p for p in root.iterdir() if p.is_dir()) if root.is_dir() else ():
            known = {frame.path for frame in annotated.get(folder.name, [])}
            if surplus := sorted(p for p in folder.glob('*.png') if p not in known):
                more = f', nor {len(surplus) - 1} more of this video' if len(surplus) > 1 else ''
                where = f'video {folder.name!r}, frame {surplus[0].stem!r}'
                self.problems.append(f'{where}: annotations.json does not label {surplus[0]}{more}')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('root', type=Path, help='folder of the data set')
    parser.add_argument('--quick', action='store_true', help='read only the headers of the images')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the tool; the result is the exit status."""
    args = parse_args(argv)
    validator = FolderValidator(args.root, args.quick)
    validator.run()
    print(', '.join(f'{number} {what}' for what, number in validator.counts.items()))
    for note in validator.notes:
        print(f'note: {note}')
    return print_problems(validator.problems, args.root, max_shown=len(validator.problems))


if __name__ == '__main__':
    sys.exit(main())
