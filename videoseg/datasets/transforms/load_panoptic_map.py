"""Reading panoptic PNGs."""

from typing import Any

from mmcv.transforms import BaseTransform

from videoseg.datasets.map_decoders import MAP_DECODERS
from videoseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadPanopticMap(BaseTransform):
    """Load a label PNG as one map of panoptic ids in model labels.

    How the file is decoded is the data set's ``seg_encoding``, see :mod:`videoseg.datasets.map_decoders`, so pipelines
    are the same for every data set. The map is ``gt_seg_map`` (H, W) int32, ids by :mod:`videoseg.structures.ids`, so
    mmcv's and mmdet's transforms treat it as labels: resized by nearest neighbour only. Crowd is a thing with instance
    0. Semantic data sets also give ``gt_raw_seg`` (H, W) uint8, the values of the file.

    In training it stands before Resize and Flip. In test pipelines it stands after them: ground truth stays at the
    original size. A frame without a label file gets ``gt_seg_map=None``: it is predicted and not scored.

    Required keys: ``seg_map_path``, ``label_map``, ``ori_shape`` (from ``LoadImageFromFile``); optional:
    ``seg_encoding`` (``'step'``), ``segments``.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Load the map of one frame.

        Raises:
            FileNotFoundError: If the file is missing.
            ValueError: If the file has the wrong mode, depth, size, class ids or segment ids; the file is named.
        """
        path = results['seg_map_path']
        if path is None:
            results['gt_seg_map'] = None
            return results
        decode = MAP_DECODERS[results.get('seg_encoding', 'step')]
        size = tuple(int(x) for x in results['ori_shape'][:2])
        results.update(decode(path, size, results['label_map'], results.get('segments')))
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
