"""Which frames of a clip are predicted and which are its past; seeds of frames."""

import hashlib
from typing import NamedTuple

import torch
from mmdet.structures import TrackDataSample


class ClipOrder(NamedTuple):
    """Positions inside a training clip.

    Attributes:
        predicted: The frame whose masks are learnt: the latest.
        past: The k frames before it, oldest first; None where the video has none.
    """

    predicted: int
    past: list[int | None]

    @property
    def before(self) -> list[int]:
        """The frame just before the predicted one, as a list of one; itself where there is none."""
        newest = self.past[-1] if self.past else None
        return [self.predicted if newest is None else newest]


def order_clip(sample: TrackDataSample, num_past: int, missing: str) -> ClipOrder:
    """Order a clip by time, whatever its sampler's order (key frame first, or consecutive).

    Frames that stand in for missing ones (``ClipSample`` repeats the key frame at the start of a video) are no past:
    their masks would be those to predict.

    Args:
        sample: T frames with ``frame_id``.
        num_past: k.
        missing: ``'refuse'`` clips of fewer than k + 1 frames, or take missing frames as ``'void'``.

    Raises:
        ValueError: For a short clip, unless missing frames are void.
    """
    ids = [int(frame.metainfo.get('frame_id', t)) for t, frame in enumerate(sample.video_data_samples)]
    if len(ids) <= num_past and missing == 'refuse':
        raise ValueError(
            f'video {sample.metainfo.get("video_id")}: num_past={num_past} needs clips of {num_past + 1} frames, got '
            f'{len(ids)}: set ClipSample(offsets={tuple(range(-num_past, 0))}, num_refs={num_past}) in the training '
            "pipeline, or decoder.missing_past='void' to train on stills"
        )
    latest = max(ids)
    by_time = {frame: position for position, frame in reversed(list(enumerate(ids))) if frame < latest}
    past = [by_time[frame] for frame in sorted(by_time)][-num_past:] if num_past else []
    return ClipOrder(ids.index(latest), [None] * (num_past - len(past)) + past)


def frame_generator(seed: int, video_id: str, frame: int, sample: int = 0) -> torch.Generator:
    """The random numbers of one frame: a function of the video, the frame and the sample, not of any order.

    Args:
        seed: Seed of the video's draws.
        video_id: Name of the video.
        frame: Number of the frame in the video.
        sample: Which of several samples of this frame.

    Returns:
        A generator of the CPU, so that every device draws the same numbers.
    """
    digest = hashlib.sha256(f'{seed}/{video_id}/{frame}/{sample}'.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], 'big') >> 1)
