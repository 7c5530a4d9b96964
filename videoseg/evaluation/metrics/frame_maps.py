"""Panoptic maps and joint histograms of frame results, each histogram counted once for all metrics of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from videoseg.evaluation.functional import JointHistogram, joint_histogram


def frame_name(sample: Mapping[str, Any]) -> tuple[str, int]:
    """Video and number of a frame result.

    Raises:
        KeyError: If its metainfo lacks one of them.
    """
    for key in ('video_id', 'frame_id'):
        if key not in sample:
            raise KeyError(
                f"a frame result ({sample.get('img_path', 'no img_path')}) has no '{key}'; pack it as metainfo"
            )
    return str(sample['video_id']), int(sample['frame_id'])


def panoptic_map(sample: Mapping[str, Any], key: str) -> np.ndarray | None:
    """A map of panoptic ids.

    Args:
        sample: Frame result as a dict.
        key: ``'pred_panoptic_seg'`` or ``'gt_panoptic_seg'``.

    Returns:
        (H, W) integers on the CPU, or None if there is none.

    Raises:
        ValueError: If it is no single map.
    """
    data = sample.get(key)
    if isinstance(data, Mapping):
        data = data.get('panoptic_seg')
    elif hasattr(data, 'panoptic_seg'):
        data = data.panoptic_seg
    if data is None:
        return None
    array = data.detach().cpu().numpy() if hasattr(data, 'detach') else np.asarray(data)
    if array.ndim == 3 and len(array) == 1:
        array = array[0]
    if array.ndim != 2:
        raise ValueError(
            f'video {sample.get("video_id")!r}, frame {sample.get("frame_id")}: {key} has shape {array.shape}, '
            'expected (H, W) or (1, H, W)'
        )
    return array


class BatchHistograms:
    """Joint histograms of the latest batch: several metrics are handed the same frame results one after the other."""

    def __init__(self) -> None:
        self._samples: Sequence[Any] | None = None
        self._histograms: dict[int, tuple[Any, tuple[str, int], JointHistogram]] = {}

    def clear(self) -> None:
        """Forget the batch."""
        self._samples, self._histograms = None, {}

    def get(self, samples: Sequence[Any], index: int, gt: np.ndarray, pred: np.ndarray) -> JointHistogram:
        """The histogram of frame ``index`` of a batch, counted at the first request.

        Args:
            samples: The list given to ``process``; another list object is another batch.
            index: Position in it.
            gt: (H, W) ground truth ids of that frame.
            pred: (H, W) predicted ids.

        Raises:
            ValueError: If the sizes differ.
        """
        if samples is not self._samples:
            self._samples, self._histograms = samples, {}
        sample, name = samples[index], frame_name(samples[index])
        # Identity and name: a caller may refill the same list with the next frames.
        kept_sample, kept_name, histogram = self._histograms.get(index, (None, None, None))
        if kept_sample is not sample or kept_name != name:
            histogram = joint_histogram(gt, pred)
            self._histograms[index] = sample, name, histogram
        return histogram
