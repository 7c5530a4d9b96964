"""Cityscapes-VPS: a flat json of labelled frames, every fifth of a video, and a folder of PNGs."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from videoseg.evaluation.formats.panoptic_json import PanopticJson, PanopticVideos
from videoseg.evaluation.formats.panoptic_json_writer import PanopticJsonWriter

FRAMES_PER_VIDEO = 6

_LABEL_SUFFIXES = (('_newImg8bit.png', '_final_mask.png'), ('_leftImg8bit.png', '_gtFine_color.png'))
_VIDEO_NUMBER = re.compile(r'(\d+)_\d+_')


def read_cityscapes_vps_gt(
    path: str | Path,
    png_folder: str | Path | None = None,
    labels: Mapping[int, int] | None = None,
    frames_per_video: int = FRAMES_PER_VIDEO,
) -> PanopticVideos:
    """Read ground truth (``specs/evaluators.md`` section 10).

    Args:
        path: ``panoptic_gt_val_city_vps.json``: ``images`` and ``annotations``, consecutive images being one video.
        png_folder: Folder of the PNGs. Default: ``val/panoptic_video`` beside the json (``<split>/...`` if its name
            says another split), else ``panoptic_video``.
        labels: Category id -> model label. Default: category ids are kept.
        frames_per_video: Labelled frames of a video. Default 6.

    Returns:
        Video number (the first field of the file names, ``0005`` of ``0005_0025_frankfurt_...``) -> frames in the order
        of the json, named by image id.

    Raises:
        FileNotFoundError: If the json, the folder or a PNG is missing.
        ValueError: If the json is wrong or its images do not divide into videos, naming video, frame and id.
    """
    path = Path(path)
    file = PanopticJson(path, labels)
    split = re.search(r'(train|val|test)', path.name)
    file.find_pngs(png_folder, f'{split[1] if split else "val"}/panoptic_video', 'panoptic_video')
    images = file.by_name(file.entries(file.content, 'images', str(path)), 'id', str(path))
    annotations = file.by_name(file.annotations, 'image_id', str(path))
    if images.keys() != annotations.keys():
        lost = sorted(images.keys() ^ annotations.keys())[0]
        raise ValueError(f'{path}: image {lost!r} is in only one of images and annotations')
    if frames_per_video < 1 or len(images) % frames_per_video:
        raise ValueError(f'{path}: {len(images)} images do not divide into videos of {frames_per_video}')
    videos: PanopticVideos = {}
    names = list(images)
    for start in range(0, len(names), frames_per_video):
        group = names[start : start + frames_per_video]
        video_id = _video_id(path, [str(file.get(images[x], 'file_name', str(path))) for x in group], start)
        if video_id in videos:
            raise ValueError(f'{path}: video {video_id!r} is there twice; are there {frames_per_video} frames a video?')
        videos[video_id] = [
            file.frame(
                name,
                _png_names(annotations[name], str(images[name]['file_name'])),
                annotations[name],
                f'video {video_id!r}, frame {name!r}',
                images[name],
            )
            for name in group
        ]
    return videos


def read_cityscapes_vps_pred(
    path: str | Path,
    frame_names: Mapping[str, Sequence[str]],
    png_folder: str | Path | None = None,
    labels: Mapping[int, int] | None = None,
) -> PanopticVideos:
    """Read predictions: ``pred.json`` with ``annotations`` and ``pan_pred/<image id>.png``.

    Annotations are paired by ``image_id``; only a json without any is read in the order of the ground truth.

    Args:
        path: The json.
        frame_names: Video -> image ids of the ground truth.
        png_folder: Folder of the PNGs. Default: ``pan_pred`` beside the json.
        labels: Category id -> model label. Default: category ids are kept.

    Returns:
        Video -> frames, as in ``frame_names``.

    Raises:
        FileNotFoundError: If the json, the folder or a PNG is missing.
        ValueError: If frames are missing, surplus or there twice, or the json is wrong; naming video, frame and id.
    """
    path = Path(path)
    file = PanopticJson(path, labels)
    file.find_pngs(png_folder, 'pan_pred')
    video_of = {name: video_id for video_id, names in frame_names.items() for name in names}
    if any('image_id' in x for x in file.annotations):
        entries = file.by_name(file.annotations, 'image_id', str(path))
    elif len(file.annotations) == len(video_of):
        entries = dict(zip(video_of, file.annotations, strict=True))
    else:
        raise ValueError(
            f'{path}: {len(file.annotations)} annotations without image_id, the ground truth has {len(video_of)} frames'
        )
    for name, video_id in video_of.items():
        if name not in entries:
            raise ValueError(f'{path}: video {video_id!r}, frame {name!r} is missing in the prediction')
    if surplus := sorted(entries.keys() - video_of.keys()):
        raise ValueError(
            f'{path}: frame {surplus[0]!r} of the prediction is not in the ground truth; only labelled frames count'
        )
    videos: PanopticVideos = {video_id: [] for video_id in frame_names}
    for name, video_id in video_of.items():
        entry = entries[name]
        file_names = [f'{name}.png', *([str(entry['file_name'])] if 'file_name' in entry else [])]
        videos[video_id].append(file.frame(name, file_names, entry, f'video {video_id!r}, frame {name!r}'))
    return videos


def _png_names(annotation: Mapping[str, Any], image_name: str) -> list[str]:
    """Where the map of an image may be: as the annotation says, or under the label suffix."""
    names = [str(annotation['file_name'])] if 'file_name' in annotation else []
    for image_suffix, label_suffix in _LABEL_SUFFIXES:
        images = [name for name in [*names, image_name] if name.endswith(image_suffix)]
        names += [name.removesuffix(image_suffix) + label_suffix for name in images]
    return names or [image_name]


def _video_id(path: Path, file_names: list[str], start: int) -> str:
    """The common first number of the file names, or the position of the video."""
    matches = [_VIDEO_NUMBER.match(Path(name).name) for name in file_names]
    if not all(matches):
        return f'{start // len(file_names):04d}'
    numbers = {match[1] for match in matches}
    if len(numbers) > 1:
        raise ValueError(
            f'{path}: images {file_names[0]!r} ... {file_names[-1]!r} should be one video of {len(file_names)} '
            f'labelled frames, but have the video numbers {sorted(numbers)}'
        )
    return numbers.pop()


class CityscapesVPSWriter(PanopticJsonWriter):
    """Writes ``<out_dir>/pan_pred/<image id>.png`` and ``<out_dir>/pred.json``; give it the labelled frames only.

    See :class:`PanopticJsonWriter` for the arguments.
    """

    def png_name(self, video_id: str, frame: Any) -> str:
        """``<image id>.png``."""
        return f'{frame.json_id}.png'
