"""The test sampler."""

from collections.abc import Iterator
from typing import Protocol

from mmengine.dist import get_dist_info
from torch.utils.data import Sampler

from videoseg.datasets.samplers.index import WindowIndex
from videoseg.registry import DATA_SAMPLERS
from videoseg.structures.windows import check_windows, cut_windows


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
        policy: Where videos do not divide evenly: a short last window (``'full'``), or several windows that lack one
            frame (``'balanced'``), see :func:`videoseg.structures.windows.cut_windows`.

    Raises:
        ValueError: If ``window`` < 1, ``overlap`` is not in [0, window), or the policy is unknown.
    """

    def __init__(
        self,
        dataset: _Videos,
        window: int = 1,
        overlap: int = 0,
        seed: int | None = None,
        policy: str = 'full',
    ) -> None:
        check_windows(window, overlap, policy, 'VideoWindowSampler')
        self.dataset = dataset
        self.window = window
        self.overlap = overlap
        self.policy = policy
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
        return [WindowIndex(video, *cut) for cut in cut_windows(length, self.window, self.overlap, self.policy)]


def _balanced_share(lengths: list[int], rank: int, world_size: int) -> list[int]:
    loads = [0] * world_size
    share = []
    for video in sorted(range(len(lengths)), key=lambda v: (-lengths[v], v)):
        owner = loads.index(min(loads))
        loads[owner] += lengths[video]
        if owner == rank:
            share.append(video)
    return sorted(share)
