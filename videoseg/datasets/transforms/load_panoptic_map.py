"""Reading panoptic PNGs."""

import io
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine import fileio
from PIL import Image, UnidentifiedImageError

from videoseg.datasets.label_map import LabelMap
from videoseg.registry import TRANSFORMS
from videoseg.structures.ids import encode_ids


@TRANSFORMS.register_module()
class LoadPanopticMap(BaseTransform):
    """Load a panoptic PNG in STEP encoding as one map of panoptic ids in model labels.

    8-bit RGB, R = raw class id, G * 256 + B = instance (``specs/evaluators.md`` section 10). The map is
    ``gt_seg_map`` (H, W) int32, ids by :mod:`videoseg.structures.ids`, so mmcv's and mmdet's transforms treat it as
    labels: resized by nearest neighbour only. Instance numbers of stuff and void are dropped; crowd keeps instance 0.

    In training it stands before Resize and Flip. In test pipelines it stands after them: ground truth stays at the
    original size.

    Required keys: ``seg_map_path``, ``label_map``, ``ori_shape`` (from ``LoadImageFromFile``).
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Load the map of one frame.

        Raises:
            FileNotFoundError: If the file is missing.
            ValueError: If there is no label path, or the file has the wrong mode, size or class ids; the file is named.
        """
        path, label_map = results['seg_map_path'], results['label_map']
        if path is None:
            raise ValueError(
                f'{results["img_path"]}: no label file known; set data_prefix.seg, or leave LoadPanopticMap out of the '
                'pipeline'
            )
        results['gt_seg_map'] = decode_step_map(_read_rgb(path, results['ori_shape']), label_map, path)
        return results


def decode_step_map(rgb: np.ndarray, label_map: LabelMap, source: str) -> np.ndarray:
    """STEP colours to panoptic ids.

    Args:
        rgb: (H, W, 3) uint8.
        label_map: Raw class ids to labels.
        source: Where it comes from, for messages.

    Returns:
        (H, W) int32 panoptic ids.

    Raises:
        ValueError: If a class id is not in the metainfo.
    """
    labels = label_map.to_labels(rgb[..., 0], source)
    instances = rgb[..., 1].astype(np.int32) * 256 + rgb[..., 2]
    instances[labels >= label_map.num_things] = 0
    return encode_ids(labels, instances)


def _read_rgb(path: str, size: tuple[int, int]) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(fileio.get(path))) as image:
            mode, (width, height) = image.mode, image.size
            pixels = np.asarray(image) if mode == 'RGB' else None
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{path}: label file missing') from error
    except UnidentifiedImageError as error:
        raise ValueError(f'{path}: not an image file') from error
    except (OSError, SyntaxError) as error:  # pillow's answers to a truncated or broken PNG
        raise ValueError(f'{path}: cannot be read ({error})') from error
    if pixels is None:
        raise ValueError(f'{path}: image mode {mode}, expected RGB (8 bit: class id, instance // 256, instance % 256)')
    if (height, width) != tuple(size):
        raise ValueError(f'{path}: size {height}x{width} (height x width), but its image has {size[0]}x{size[1]}')
    return pixels
