"""Statistics of one video for metrics that follow from one joint histogram."""

from dataclasses import dataclass, field

from videoseg.evaluation.functional.frame_set import FrameSet
from videoseg.evaluation.functional.joint_histogram import JointHistogram
from videoseg.evaluation.functional.video_statistics import overlapping_frames


@dataclass
class HistogramVideo:
    """One video: its joint histogram, summed over frames, says all. Grows with the number of tracks only."""

    frames: FrameSet = field(default_factory=FrameSet)
    histogram: JointHistogram = field(default_factory=lambda: JointHistogram.sum([]))
    pending: list[JointHistogram] = field(default_factory=list)
    num_pending: int = 0

    def add(self, histogram: JointHistogram) -> None:
        """Add a frame; frames are summed up in batches, so that the cost per frame stays constant."""
        self.pending.append(histogram)
        self.num_pending += len(histogram)
        if self.num_pending > max(2048, len(self.histogram)):
            self.total()

    def total(self) -> JointHistogram:
        """The histogram of all frames so far."""
        if self.pending:
            self.histogram = JointHistogram.sum([self.histogram, *self.pending])
            self.pending, self.num_pending = [], 0
        return self.histogram

    def joined(self, video_id: str, other: 'HistogramVideo') -> 'HistogramVideo':
        """This part of a video and another.

        Raises:
            ValueError: If the parts share frames.
        """
        if not self.frames.isdisjoint(other.frames):
            raise ValueError(overlapping_frames(video_id, self.frames, other.frames))
        return HistogramVideo(self.frames.union(other.frames), JointHistogram.sum([self.total(), other.total()]))
