"""COCO panoptic images: a json and a folder of PNGs."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from videoseg.evaluation.formats.panoptic_json import PanopticJson, PanopticVideos
from videoseg.evaluation.formats.panoptic_json_writer import PanopticJsonWriter


def read_coco_panoptic(
    path: str | Path, png_folder: str | Path | None = None, labels: Mapping[int, int] | None = None
) -> PanopticVideos:
    """Read ground truth or predictions (``specs/evaluators.md`` sections 2 and 10).

    Args:
        path: Json with ``annotations`` of ``image_id``, ``file_name``, ``segments_info``; ground truth also has
            ``images``.
        png_folder: Folder of the PNGs. Default: the folder beside the json that has its name without ``.json``, else
            ``pan_pred``.
        labels: Category id -> model label. Default: category ids are kept.

    Returns:
        Image id (text) -> a list of one frame of that name, in the order of ``images``, or of ``annotations`` where
        there are no images.

    Raises:
        FileNotFoundError: If the json, the folder or a PNG is missing.
        ValueError: If the json is wrong, naming image and id.
    """
    path = Path(path)
    file = PanopticJson(path, labels)
    file.find_pngs(png_folder, path.stem, 'pan_pred')
    annotations = file.by_name(file.annotations, 'image_id', str(path))
    images = None
    if 'images' in file.content:
        images = file.by_name(file.entries(file.content, 'images', str(path)), 'id', str(path))
        for name in annotations.keys() - images.keys():
            raise ValueError(f'{path}: image {name!r} has an annotation but is not in images')
    videos = {}
    for name in images or annotations:
        if name not in annotations:
            raise ValueError(f'{path}: image {name!r} has no annotation')
        entry, where = annotations[name], f'image {name!r}'
        file_name = str(file.get(entry, 'file_name', f'{path}: {where}'))
        file_name = str(PurePosixPath(file_name).with_suffix('.png')) if file_name.endswith('.jpg') else file_name
        videos[name] = [file.frame(name, [file_name], entry, where, images and images[name])]
    return videos


class CocoPanopticWriter(PanopticJsonWriter):
    """Writes ``<out_dir>/pred/<image>.png`` and ``<out_dir>/pred.json``; every image is its own video.

    See :class:`PanopticJsonWriter` for the arguments.
    """

    png_folder = 'pred'
