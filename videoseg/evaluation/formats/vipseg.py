"""VIPSeg: jsons of videos, one PNG folder a video."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from videoseg.evaluation.formats.frame_name import FrameName
from videoseg.evaluation.formats.panoptic_json import PanopticJson, PanopticVideos
from videoseg.evaluation.formats.panoptic_json_writer import PanopticJsonWriter


def read_vipseg(
    path: str | Path, png_folder: str | Path | None = None, labels: Mapping[int, int] | None = None
) -> PanopticVideos:
    """Read ground truth or predictions (``specs/evaluators.md`` section 10).

    Args:
        path: Json with ``annotations: [{video_id, annotations: [{image_id, file_name, segments_info}]}]``; ground truth
            also has ``videos: [{video_id, images: [{id, file_name, width, height}]}]``.
        png_folder: Folder of ``<video>/<frame>.png``. Default: beside the json, ``panomasksRGB`` if it has ``videos``,
            else ``pan_pred``.
        labels: Category id -> model label. Default: category ids are kept.

    Returns:
        Video id -> frames in the order of ``images`` (of ``annotations`` where there are no videos), named by image id.

    Raises:
        FileNotFoundError: If the json, the folder or a PNG is missing.
        ValueError: If the json is wrong, naming video, frame and id.
    """
    path = Path(path)
    file = _VIPSegJson(path, labels)
    file.find_pngs(png_folder, 'panomasksRGB' if file.is_ground_truth else 'pan_pred')
    annotations = file.by_name(file.annotations, 'video_id', str(path))
    videos = annotations
    if file.is_ground_truth:
        videos = file.by_name(file.entries(file.content, 'videos', str(path)), 'video_id', str(path))
        if videos.keys() != annotations.keys():
            lost = sorted(videos.keys() ^ annotations.keys())[0]
            raise ValueError(f'{path}: video {lost!r} is in only one of videos and annotations')
    return {video_id: file.frames(video_id, annotations[video_id], videos[video_id]) for video_id in videos}


class _VIPSegJson(PanopticJson):
    """One json; both levels of it."""

    @property
    def is_ground_truth(self) -> bool:
        return 'videos' in self.content

    def frames(self, video_id: str, annotation: Mapping[str, Any], video: Mapping[str, Any]) -> list[Any]:
        where = f'{self.path}: video {video_id!r}'
        entries = self.by_name(self.entries(annotation, 'annotations', where), 'image_id', where)
        images = None
        if self.is_ground_truth:
            images = self.by_name(self.entries(video, 'images', where), 'id', where)
            if images.keys() != entries.keys():
                lost = sorted(images.keys() ^ entries.keys())[0]
                raise ValueError(f'{where}, frame {lost!r} is in only one of videos and annotations')
        return [
            self.frame(
                name,
                [f'{video_id}/{_png_name(entries[name], name)}'],
                entries[name],
                f'video {video_id!r}, frame {name!r}',
                images and images[name],
            )
            for name in images or entries
        ]


def _png_name(entry: Mapping[str, Any], name: str) -> str:
    """PNG of an annotation: its file name, of which the suffix may be that of the image."""
    file_name = str(entry.get('file_name', f'{name}.png'))
    path = PurePosixPath(file_name)
    return str(path.with_suffix('.png')) if path.suffix.lower() in ('.jpg', '.jpeg') else file_name


class VIPSegWriter(PanopticJsonWriter):
    """Writes ``<out_dir>/pan_pred/<video>/<image>.png`` and ``<out_dir>/pred.json``.

    See :class:`PanopticJsonWriter` for the arguments.
    """

    def png_name(self, video_id: str, frame: FrameName) -> str:
        """``<video>/<image>.png``."""
        return f'{video_id}/{frame.stem}.png'

    def content(self, videos: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
        """Annotations nested by video."""
        return dict(annotations=[dict(video_id=x, annotations=entries) for x, entries in videos.items()])
