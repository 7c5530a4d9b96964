"""What has to be remembered of the frame before, for one video at a time."""

from typing import Generic, TypeVar

from videoseg.evaluation.functional.frame_set import FrameSet

S = TypeVar('S')


class OpenVideo(Generic[S]):
    """State after the latest frame of the video whose frames are coming; that of earlier videos is dropped."""

    def __init__(self) -> None:
        self.close()

    def close(self) -> None:
        """Forget the video."""
        self._video_id: str | None = None
        self._frame_id = -1
        self._state: S | None = None

    def before(self, video_id: str, frame_id: int, frames: FrameSet) -> S | None:
        """The state after the frame before.

        Args:
            video_id: Name of the video.
            frame_id: Number of the new frame.
            frames: Frames of this video that were counted.

        Returns:
            The state; None if the frame is the first of the video.

        Raises:
            ValueError: If frames come out of time order, or another video came in between.
        """
        if not len(frames):
            return None
        where = f'video {video_id!r}, frame {frame_id}'
        if frame_id < frames.last:
            raise ValueError(f'{where}: came after frame {frames.last}; give the frames of a video in time order')
        if (self._video_id, self._frame_id) != (video_id, frames.last):
            raise ValueError(
                f'{where}: frame {frames.last} is not the one that came before it here; give all frames of a video one '
                'after the other, to one process'
            )
        return self._state

    def after(self, video_id: str, frame_id: int, state: S) -> None:
        """Keep the state after a frame."""
        self._video_id, self._frame_id, self._state = video_id, frame_id, state
