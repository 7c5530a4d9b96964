"""Which frames make a training clip."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from videoseg.datasets.frame_lists import select_frames
from videoseg.datasets.sample_rejected import SampleRejected
from videoseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ClipSample(BaseTransform):
    """Draw reference frames around the key frame, or take consecutive frames from it.

    Offsets are drawn anew in every epoch, without replacement, among those that stay in the video. The reference draws
    them once when the data set is built and drops key frames whose partner is missing (``specs/video_knet.md``
    section 3); here ``border='reject'`` drops key frames for which no allowed partner exists.

    Of a video with sparse labels (``labelled``, Cityscapes-VPS) only the labelled frames are used, as if there were no
    others: an offset of 1 is the next labelled frame. A key frame without labels stands for the nearest one with them.

    Required keys: ``key_frame`` and those of a video. The result is a dict of lists with the key frame first (with
    ``consecutive``: in time order).

    Args:
        offsets: Allowed distances of reference frames, in (labelled) frames.
        num_refs: Reference frames a clip; 0 gives the key frame alone.
        consecutive: Instead, this many frames from the key frame on; moved back where the video ends too early.
        stride: Distance of the consecutive frames.
        border: What stands in for frames that the video does not have: ``'repeat'`` the key frame (with
            ``consecutive`` the last frame), or ``'reject'`` the sample.

    Raises:
        ValueError: If the arguments do not fit together.
    """

    def __init__(
        self,
        offsets: Sequence[int] = (-2, -1, 1, 2),
        num_refs: int = 1,
        consecutive: int | None = None,
        stride: int = 1,
        border: str = 'repeat',
    ) -> None:
        if 0 in offsets or len(set(offsets)) != len(offsets):
            raise ValueError(f'ClipSample: offsets must be different and not 0, got {tuple(offsets)}')
        if not 0 <= num_refs <= len(offsets):
            raise ValueError(f'ClipSample: num_refs must be in [0, {len(offsets)}] (offsets given), got {num_refs}')
        if (consecutive is not None and consecutive < 1) or stride < 1:
            raise ValueError(f'ClipSample: consecutive and stride must be at least 1, got {consecutive} and {stride}')
        if border not in ('repeat', 'reject'):
            raise ValueError(f"ClipSample: border must be 'repeat' or 'reject', got {border!r}")
        self.offsets = tuple(offsets)
        self.num_refs = num_refs
        self.consecutive = consecutive
        self.stride = stride
        self.border = border

    def transform(self, results: dict[str, Any]) -> dict[str, list]:
        """Choose the frames.

        Raises:
            KeyError: If the frames have been chosen already (test data).
            SampleRejected: If frames are missing and ``border='reject'``.
            ValueError: If no frame of the video is labelled.
        """
        if 'key_frame' not in results:
            raise KeyError('ClipSample: no key_frame; it belongs into training pipelines, test windows are cut already')
        usable = _labelled_frames(results)
        key = int(np.abs(usable - results['key_frame']).argmin())
        choose = self._consecutive if self.consecutive else self._with_references
        return select_frames(results, usable[choose(key, len(usable))].tolist())

    def _with_references(self, key: int, length: int) -> list[int]:
        allowed = [key + offset for offset in self.offsets if 0 <= key + offset < length]
        count = min(self.num_refs, len(allowed))
        refs = [allowed[i] for i in np.random.choice(len(allowed), count, replace=False)] if count else []
        self._check_missing(self.num_refs - count, key, length)
        return [key] + refs + [key] * (self.num_refs - count)

    def _consecutive(self, key: int, length: int) -> list[int]:
        span = (self.consecutive - 1) * self.stride
        start = max(min(key, length - 1 - span), 0)
        frames = [start + i * self.stride for i in range(self.consecutive)]
        self._check_missing(sum(t >= length for t in frames), key, length)
        return [min(t, length - 1) for t in frames]

    def _check_missing(self, missing: int, key: int, length: int) -> None:
        if missing and self.border == 'reject':
            raise SampleRejected(
                f'ClipSample: {missing} frames too few around frame {key} of a video of {length} frames'
            )

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(offsets={self.offsets}, num_refs={self.num_refs}, consecutive={self.consecutive}, '
            f'stride={self.stride}, border={self.border!r})'
        )


def _labelled_frames(video: dict[str, Any]) -> np.ndarray:
    """Numbers of the frames that can be trained on; all of them unless the data set has sparse labels."""
    labelled = video.get('labelled')
    if labelled is None:
        return np.arange(video['video_length'])
    usable = np.flatnonzero(np.asarray(labelled, dtype=bool))
    if not len(usable):
        raise ValueError(
            f'ClipSample: video {video["video_id"]}: none of its {video["video_length"]} frames is labelled'
        )
    return usable
