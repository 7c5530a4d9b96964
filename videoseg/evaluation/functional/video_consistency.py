"""Video consistency of semantic maps (Miao et al., VSPW: A Large-scale Dataset for Video Scene Parsing, CVPR 2021)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from videoseg.evaluation.functional.frame_set import FrameSet
from videoseg.evaluation.functional.open_video import OpenVideo
from videoseg.evaluation.functional.video_statistics import VideoStatistics


@dataclass
class ConsistencyVideo:
    """One video: for every window size the share of each window, in time order. One number a frame and window size."""

    shares: dict[int, list[float]]
    frames: FrameSet = field(default_factory=FrameSet)


class _Runs:
    """Maps of the latest frame, and for how many frames each pixel has kept its labels.

    Buffers are made once a video: memory that is asked for anew with every frame costs more than the counting.

    Args:
        gt: (H, W) ground truth labels of the first frame.
        pred: (H, W) predicted labels.
        longest: Runs are counted up to this number of frames.
    """

    def __init__(self, gt: np.ndarray, pred: np.ndarray, longest: int) -> None:
        self.longest = longest
        self.maps = [np.array(gt), np.array(pred)]
        # Of the ground truth; of ground truth and prediction together.
        self.runs = [np.ones(gt.shape, np.min_scalar_type(longest)) for _ in range(2)]
        self._same = np.empty(gt.shape, bool)
        self._scratch = np.empty(gt.shape, bool)

    def add(self, gt: np.ndarray, pred: np.ndarray) -> None:
        """Go on to the next frame."""
        self._same.fill(True)
        for index, labels in enumerate((gt, pred)):
            run = self.runs[index]
            self._same &= np.equal(self.maps[index], labels, out=self._scratch)
            run -= np.equal(run, self.longest, out=self._scratch).view(np.uint8)
            run *= self._same.view(np.uint8)
            run += 1
            if self.maps[index].dtype == labels.dtype:
                np.copyto(self.maps[index], labels)
            else:
                self.maps[index] = labels.copy()

    def share(self, window: int) -> float:
        """Of the pixels whose ground truth was constant in the last frames, the share that was predicted so too."""
        constant, both = (np.count_nonzero(np.greater_equal(run, window, out=self._scratch)) for run in self.runs)
        return both / constant if constant else float('nan')


class VideoConsistency(VideoStatistics[ConsistencyVideo]):
    """VC_n: of the pixels whose ground truth label stays the same for n frames, the share whose prediction stays too.

    The prediction need not be right, only constant (``specs/evaluators.md`` section 8). Labels are compared as given:
    in VSPW's files the void values 0 and 255 are two labels. A window without constant ground truth is left out.
    A video of N frames has N - n windows: the official script leaves out the last one, and so videos with N = n.
    All window sizes cost one pass: a window ending here is constant where a run of equal labels is at least n long.

    Frames of a video must come in time order and one after the other; only its latest maps are kept.

    Args:
        windows: Numbers of frames n. Default 8, 16.
        last_window: Count the last window of each video too. Default False, as the official script.
        pooled: The number of each n is the mean over the windows of this n and of those before it in ``windows``: the
            "VC16" of DVIS_Plus's script. Default False.

    Raises:
        ValueError: If a window is below 1, or one is named twice, or none is.
    """

    prefix = 'vc'

    def __init__(self, windows: Sequence[int] = (8, 16), last_window: bool = False, pooled: bool = False) -> None:
        super().__init__()
        self.windows = tuple(int(n) for n in windows)
        if not self.windows or min(self.windows) < 1 or len(set(self.windows)) < len(self.windows):
            raise ValueError(f'windows is {self.windows}, expected distinct numbers of frames of at least 1')
        self.last_window = last_window
        self.pooled = pooled
        self._open: OpenVideo[_Runs] = OpenVideo()

    @property
    def protocol(self) -> dict[str, Any]:
        """Every option that decides a number."""
        return {
            'metric': 'VC',
            'windows': list(self.windows),
            'last_window': self.last_window,
            'pooled': self.pooled,
        }

    @property
    def names(self) -> tuple[str, ...]:
        """``VC<n>`` of every window size."""
        return tuple(f'VC{n}' for n in self.windows)

    def reset(self) -> None:
        """Forget all videos."""
        super().reset()
        self._open.close()

    def update(self, video_id: str, frame_id: int, gt: ArrayLike, pred: ArrayLike) -> bool:
        """Add a frame.

        Args:
            video_id: Name of the video.
            frame_id: Number of the frame, ascending within the video; windows run over the frames that are given.
            gt: (H, W) integer labels, as the files have them.
            pred: (H, W) integer labels.

        Returns:
            Whether the frame is new; one that was counted before is ignored.

        Raises:
            ValueError: If sizes differ, or frames come in another order.
            TypeError: If the labels are not integers.
        """
        video = self.videos.get(video_id) or ConsistencyVideo({n: [] for n in self.windows})
        if frame_id in video.frames:
            return False
        gt, pred = np.asarray(gt), np.asarray(pred)
        where = f'video {video_id!r}, frame {frame_id}'
        _check_maps(gt, pred, where)
        runs = self._open.before(video_id, frame_id, video.frames)
        if runs is None:
            runs = _Runs(gt, pred, max(self.windows))
        elif runs.maps[0].shape != gt.shape:
            raise ValueError(f'{where}: size (H, W) is {gt.shape}, that of the frames before {runs.maps[0].shape}')
        else:
            runs.add(gt, pred)
        self.videos[video_id] = video
        video.frames.add(frame_id)
        self._open.after(video_id, frame_id, runs)
        for n in self.windows:
            if len(video.frames) >= n:
                video.shares[n].append(runs.share(n))
        return True

    def _join(self, video_id: str, mine: ConsistencyVideo, theirs: ConsistencyVideo) -> ConsistencyVideo:
        raise ValueError(
            f'video {video_id!r}: two processes saw different frames, {mine.frames} and {theirs.frames}, and windows '
            'need them together; use a sampler that hands whole videos to a process'
        )

    def compute(self) -> dict[str, Any]:
        """The numbers.

        Returns:
            ``VC<n>`` in [0, 1], the mean over all windows of all videos, NaN if there is none; ``num_frames``;
            ``per_video`` with the same over the windows of a video; ``per_window``: video id -> ``VC<n>`` -> (windows,)
            array in time order, NaN where no ground truth is constant; ``per_class``, empty; ``protocol``.
        """
        shares = {x: self._counted(video) for x, video in sorted(self.videos.items())}
        together = {n: np.concatenate([np.zeros(0), *(s[n] for s in shares.values())]) for n in self.windows}
        return {
            **self._scores(together),
            'num_frames': sum(len(video.frames) for video in self.videos.values()),
            'per_class': {},
            'per_video': {x: {**self._scores(s), 'num_frames': len(self.videos[x].frames)} for x, s in shares.items()},
            'per_window': {x: {f'VC{n}': values for n, values in s.items()} for x, s in shares.items()},
            'protocol': self.protocol,
        }

    def _counted(self, video: ConsistencyVideo) -> dict[int, np.ndarray]:
        return {n: np.array(x if self.last_window else x[:-1], np.float64) for n, x in video.shares.items()}

    def _scores(self, shares: Mapping[int, np.ndarray]) -> dict[str, float]:
        scores, earlier = {}, []
        for n in self.windows:
            earlier = [*earlier, shares[n]] if self.pooled else [shares[n]]
            values = np.concatenate(earlier)
            values = values[~np.isnan(values)]
            scores[f'VC{n}'] = float(values.mean()) if len(values) else float('nan')
        return scores


def _check_maps(gt: np.ndarray, pred: np.ndarray, where: str) -> None:
    for name, labels in (('ground truth', gt), ('prediction', pred)):
        if labels.ndim != 2:
            raise ValueError(f'{where}: {name} has shape {labels.shape}, expected (H, W)')
        if labels.dtype.kind not in 'iu':
            raise TypeError(f'{where}: {name} labels have type {labels.dtype}, expected integers')
    if gt.shape != pred.shape:
        raise ValueError(
            f'{where}: ground truth {gt.shape} and prediction {pred.shape} differ in shape; results must have the '
            'original size of the frame'
        )
