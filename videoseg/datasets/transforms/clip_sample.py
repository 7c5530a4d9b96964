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

    Required keys: ``key_frame`` and those of a video. The result is a dict of lists with the key frame first (with
    ``consecutive``: in time order).

    Args:
        offsets: Allowed distances of reference frames, in frames.
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
        """
        if 'key_frame' not in results:
            raise KeyError('ClipSample: no key_frame; it belongs into training pipelines, test windows are cut already')
        frames = self._consecutive(results) if self.consecutive else self._with_references(results)
        return select_frames(results, frames)

    def _with_references(self, video: dict[str, Any]) -> list[int]:
        key, length = video['key_frame'], video['video_length']
        allowed = [key + offset for offset in self.offsets if 0 <= key + offset < length]
        count = min(self.num_refs, len(allowed))
        refs = [allowed[i] for i in np.random.choice(len(allowed), count, replace=False)] if count else []
        self._check_missing(self.num_refs - count, video)
        return [key] + refs + [key] * (self.num_refs - count)

    def _consecutive(self, video: dict[str, Any]) -> list[int]:
        length = video['video_length']
        span = (self.consecutive - 1) * self.stride
        start = max(min(video['key_frame'], length - 1 - span), 0)
        frames = [start + i * self.stride for i in range(self.consecutive)]
        self._check_missing(sum(t >= length for t in frames), video)
        return [min(t, length - 1) for t in frames]

    def _check_missing(self, missing: int, video: dict[str, Any]) -> None:
        if missing and self.border == 'reject':
            raise SampleRejected(
                f'ClipSample: {missing} frames too few around frame {video["key_frame"]} of a video of '
                f'{video["video_length"]} frames'
            )

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(offsets={self.offsets}, num_refs={self.num_refs}, consecutive={self.consecutive}, '
            f'stride={self.stride}, border={self.border!r})'
        )
