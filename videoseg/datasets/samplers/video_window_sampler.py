"""The test sampler."""

from collections.abc import Iterator
from typing import Protocol

from mmengine.dist import get_dist_info
from torch.utils.data import Sampler

from videoseg.datasets.samplers.index import WindowIndex
from videoseg.registry import DATA_SAMPLERS


class _Videos(Protocol):
    num_videos: int

    def video_length(self, video: int) -> int: ...


@DATA_SAMPLERS.register_module()
class VideoWindowSampler(Sampler):
    """Windows of whole videos in time order; a video is never split over processes.

    Videos go, the longest first, to the process with the fewest frames so far; a process may get none. Every frame is
    handed out, the last window being as short as need be (the reference loses the last window of the last video,
    ``specs/tube_link.md`` Q6). Nothing is padded, so no frame is counted twice.

    Args:
        dataset: Data set with ``num_videos`` and ``video_length(v)``.
        window: Frames a window.
        overlap: Frames that a window shares with the one before.
        seed: Taken because mmengine passes one to every sampler; the order is not random.

    Raises:
        ValueError: If ``window`` < 1 or ``overlap`` is not in [0, window).
    """

    def __init__(self, dataset: _Videos, window: int = 1, overlap: int = 0, seed: int | None = None) -> None:
        if window < 1:
            raise ValueError(f'VideoWindowSampler: window must be at least 1 frame, got {window}')
        if not 0 <= overlap < window:
            raise ValueError(f'VideoWindowSampler: overlap must be in [0, window={window}), got {overlap}')
        self.dataset = dataset
        self.window = window
        self.overlap = overlap
        rank, world_size = get_dist_info()
        lengths = [dataset.video_length(v) for v in range(dataset.num_videos)]
        self.videos = _balanced_share(lengths, rank, world_size)
        self._indices = [window for v in self.videos for window in self._windows(v, lengths[v])]

    def __len__(self) -> int:
        """Windows of this process."""
        return len(self._indices)

    def __iter__(self) -> Iterator[WindowIndex]:
        """Windows video by video, in time order."""
        return iter(self._indices)

    def _windows(self, video: int, length: int) -> list[WindowIndex]:
        starts = range(0, max(length - self.overlap, 1), self.window - self.overlap)
        return [WindowIndex(video, s, min(s + self.window, length), self.overlap if s else 0) for s in starts]


def _balanced_share(lengths: list[int], rank: int, world_size: int) -> list[int]:
    loads = [0] * world_size
    share = []
    for video in sorted(range(len(lengths)), key=lambda v: (-lengths[v], v)):
        owner = loads.index(min(loads))
        loads[owner] += lengths[video]
        if owner == rank:
            share.append(video)
    return sorted(share)
