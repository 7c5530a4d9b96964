"""Temporal consistency of semantic maps along given optical flow (Miao et al., VSPW, CVPR 2021)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from videoseg.evaluation.functional.histogram_video import HistogramVideo
from videoseg.evaluation.functional.joint_histogram import JointHistogram, joint_histogram
from videoseg.evaluation.functional.open_video import OpenVideo
from videoseg.evaluation.functional.semantic_iou import confusion_matrix, semantic_scores
from videoseg.evaluation.functional.video_statistics import VideoStatistics


class TemporalConsistency(VideoStatistics[HistogramVideo]):
    """TC: mIoU between each frame's prediction and the next one's, warped back along the flow between them.

    One confusion matrix over all pairs of frames, the earlier frame in the place of the ground truth; mean over the
    classes that occur in earlier frames (``specs/evaluators.md`` section 8). No ground truth is needed. The flow comes
    from outside; papers use RAFT trained on FlyingThings, 20 iterations. As in VSPW's script, places outside of the
    frame read class 0, and in frames of even size so do the last row and column even where nothing moves.

    Frames of a video must come in time order and one after the other; only its latest prediction is kept.

    Args:
        num_classes: Number of classes; labels are 0 ... num_classes - 1, void is refused.
        max_videos: Only so many videos count, the first ones; None: all. Default 100, the protocol of VSPW.
        videos: Names of the videos in the order of the split's list. Default: the first ones are by sorted name.

    Raises:
        ValueError: If ``max_videos`` is below 1.
    """

    prefix = 'tc'
    names = ('TC',)

    def __init__(self, num_classes: int, max_videos: int | None = 100, videos: Sequence[str] | None = None) -> None:
        super().__init__()
        if max_videos is not None and max_videos < 1:
            raise ValueError(f'max_videos is {max_videos}, expected at least 1, or None for all')
        self.num_classes = num_classes
        self.max_videos = max_videos
        self.listed = None if videos is None else tuple(videos)
        self._open: OpenVideo[np.ndarray] = OpenVideo()

    @property
    def protocol(self) -> dict[str, Any]:
        """Every option that decides a number."""
        return {
            'metric': 'TC',
            'num_classes': self.num_classes,
            'max_videos': self.max_videos,
            'videos': None if self.listed is None else list(self.listed[: self.max_videos]),
        }

    def reset(self) -> None:
        """Forget all videos."""
        super().reset()
        self._open.close()

    def update(self, video_id: str, frame_id: int, pred: ArrayLike, flow: ArrayLike | None = None) -> bool:
        """Add a frame.

        Args:
            video_id: Name of the video.
            frame_id: Number of the frame, ascending within the video.
            pred: (H, W) predicted labels.
            flow: (2, H, W) pixels to the right and down: where each pixel of the frame before is in this frame. None
                for the first frame of a video, and only there.

        Returns:
            Whether the frame is new; one that was counted before is ignored.

        Raises:
            ValueError: If a size, a label or the flow is wrong, frames come in another order, or the video is not
                among ``videos``.
            TypeError: If the labels are not integers.
        """
        where = f'video {video_id!r}, frame {frame_id}'
        if self.listed is not None and video_id not in self.listed:
            raise ValueError(f'{where}: this video is not in the list of {len(self.listed)} videos')
        video = self.videos.get(video_id) or HistogramVideo()
        if frame_id in video.frames:
            return False
        pred = np.array(pred)  # a copy: callers may fill the same buffer again
        self._check_labels(pred, where)
        before = self._open.before(video_id, frame_id, video.frames)
        if before is None and flow is not None:
            raise ValueError(f'{where}: is the first frame of the video, so there is no flow to it')
        histogram = None if before is None else self._pair(before, pred, flow, where)
        self.videos[video_id] = video
        video.frames.add(frame_id)
        self._open.after(video_id, frame_id, pred)
        if histogram is not None:
            video.add(histogram)
        return True

    def _check_labels(self, pred: np.ndarray, where: str) -> None:
        if pred.ndim != 2:
            raise ValueError(f'{where}: prediction has shape {pred.shape}, expected (H, W)')
        if pred.dtype.kind not in 'iu':
            raise TypeError(f'{where}: predicted labels have type {pred.dtype}, expected integers')
        if pred.size and not 0 <= int(pred.min()) <= int(pred.max()) < self.num_classes:
            bad = [x for x in np.unique(pred).tolist() if not 0 <= x < self.num_classes]
            raise ValueError(
                f'{where}, prediction: class labels {bad[:5]} are not among the {self.num_classes} classes'
            )

    def _pair(self, before: np.ndarray, pred: np.ndarray, flow: ArrayLike | None, where: str) -> JointHistogram:
        if flow is None:
            raise ValueError(f'{where}: no flow from the frame before to this one')
        flow = np.asarray(flow, np.float32)
        if before.shape != pred.shape or flow.shape != (2, *pred.shape):
            raise ValueError(
                f'{where}: prediction {pred.shape}, the one before {before.shape} and flow {flow.shape} do not fit; '
                'expected (H, W), (H, W) and (2, H, W)'
            )
        if not np.isfinite(flow).all():
            raise ValueError(f'{where}: the flow is not finite everywhere')
        return joint_histogram(before, warp_back(pred, flow))

    def _join(self, video_id: str, mine: HistogramVideo, theirs: HistogramVideo) -> HistogramVideo:
        raise ValueError(
            f'video {video_id!r}: two processes saw different frames, {mine.frames} and {theirs.frames}, and pairs of '
            'neighbours need them together; use a sampler that hands whole videos to a process'
        )

    def compute(self) -> dict[str, Any]:
        """The numbers.

        Returns:
            ``TC`` in [0, 1], NaN if there is no pair of frames; ``per_class`` with ``IoU`` of length ``num_classes``,
            NaN for a class that occurs in no earlier frame; ``per_video`` with ``TC`` of each video that counts;
            ``num_frames`` of these; ``protocol``.
        """
        order = sorted(self.videos) if self.listed is None else [x for x in self.listed if x in self.videos]
        total = np.zeros((self.num_classes, self.num_classes + 1))
        per_video = {}
        for video_id in self._first(order):
            video = self.videos[video_id]
            confusion = confusion_matrix(video.total(), self.num_classes)
            total += confusion
            per_video[video_id] = {'TC': _tc(confusion), 'num_frames': len(video.frames)}
        return {
            'TC': _tc(total),
            'num_frames': sum(row['num_frames'] for row in per_video.values()),
            'per_class': {'IoU': semantic_scores(total, 'gt')[1]['IoU']},
            'per_video': per_video,
            'protocol': self.protocol,
        }

    def _first(self, order: list[str]) -> list[str]:
        """The videos that count: the list says which are first even if some of them were not given."""
        if self.listed is None:
            return order[: self.max_videos]
        first = set(self.listed[: self.max_videos])
        return [x for x in order if x in first]


def _tc(confusion: np.ndarray) -> float:
    return semantic_scores(confusion, 'gt')[0]['mIoU']


def warp_back(labels: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Fetch for each pixel of the frame before the label to which the flow leads.

    Nearest sampling with the arithmetic of VSPW's script, in float32: pixel x with flow u reads column
    ``(x + u) * W / (W - 1) - 0.5``, rounded half to even; places outside read class 0.

    Args:
        labels: (H, W) integers.
        flow: (2, H, W) float32, to the right and down.

    Returns:
        (H, W) labels of the same type.
    """
    height, width = labels.shape
    columns = _source(np.arange(width, dtype=np.float32)[None, :] + flow[0], width)
    rows = _source(np.arange(height, dtype=np.float32)[:, None] + flow[1], height)
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    warped = np.zeros_like(labels)
    warped[inside] = labels[rows[inside].astype(np.intp), columns[inside].astype(np.intp)]
    return warped


def _source(position: np.ndarray, size: int) -> np.ndarray:
    """Positions that are normalised by ``size - 1`` and read as if by ``size``; rounded."""
    two, one, last = np.float32(2), np.float32(1), np.float32(max(size - 1, 1))
    normalised = two * position / last - one
    return np.rint(((normalised + one) * np.float32(size) - one) / two)
