"""Pictures to a video file."""

import logging
import os
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from mmengine.logging import print_log


class VideoWriter:
    """Writes a video with OpenCV; the file appears under its name only when it is complete.

    Use it as a context manager, or call :meth:`close`. The frame size is that of the first frame; codecs
    take even sizes only, so an odd last row or column is doubled. Where OpenCV cannot encode ``.mp4``, the video
    becomes a Motion-JPEG ``.avi`` and the log says so; :attr:`path` is the real name.

    Args:
        path: Ends in ``.mp4`` or ``.avi``; folders are made.
        fps: Frames a second.

    Raises:
        ValueError: If the ending is another one, or ``fps`` is not positive.
    """

    _CODECS = {'.mp4': 'mp4v', '.avi': 'MJPG'}

    def __init__(self, path: str | Path, fps: float = 10.0) -> None:
        self.path = Path(path)
        if self.path.suffix not in self._CODECS:
            raise ValueError(f'{path}: a video file must end in .mp4 or .avi')
        if fps <= 0:
            raise ValueError(f'{path}: fps must be positive, got {fps}')
        self.fps = fps
        self.num_frames = 0
        self._shape: tuple[int, int] | None = None
        self._writer: cv2.VideoWriter | None = None

    @property
    def _partial(self) -> Path:
        return self.path.with_name(f'.{self.path.stem}.partial-{os.getpid()}{self.path.suffix}')

    def write(self, frame: np.ndarray) -> None:
        """Add a frame.

        Args:
            frame: (H, W, 3) uint8 BGR.

        Raises:
            ValueError: If the frame is not such a picture, or its size differs from the first frame's.
            OSError: If the file cannot be opened.
        """
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
            raise ValueError(
                f'{self.path}: frame {self.num_frames} must be uint8 (H, W, 3), got {frame.dtype} {frame.shape}'
            )
        if self._writer is None:
            self._open(frame.shape[:2])
        if frame.shape[:2] != self._shape:
            raise ValueError(
                f'{self.path}: frame {self.num_frames} has the size {frame.shape[:2]}, the video has {self._shape}'
            )
        self._writer.write(_even(frame))
        self.num_frames += 1

    def close(self) -> None:
        """Finish the file; a video without frames leaves none.

        Raises:
            OSError: If the file lacks frames, as on a full disk.
        """
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        partial = self._partial
        reader = cv2.VideoCapture(str(partial))
        written = int(reader.get(cv2.CAP_PROP_FRAME_COUNT)) if reader.isOpened() else 0
        reader.release()
        if written != self.num_frames:
            partial.unlink(missing_ok=True)
            raise OSError(f'{self.path}: {written} of {self.num_frames} frames could be written; is the disk full?')
        partial.replace(self.path)

    def abort(self) -> None:
        """Drop what was written."""
        if self._writer is not None:
            self._writer.release()
            self._writer = None
            self._partial.unlink(missing_ok=True)

    def __enter__(self) -> 'VideoWriter':
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def _open(self, shape: tuple[int, int]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._shape = shape
        if self._try_codec():
            return
        if self.path.suffix != '.avi':
            wanted, self.path = self.path, self.path.with_suffix('.avi')
            print_log(
                f'{wanted}: no mp4 encoder in OpenCV, writing {self.path} (Motion-JPEG)', 'current', logging.WARNING
            )
            if self._try_codec():
                return
        raise OSError(f'{self.path}: OpenCV cannot open this video for writing; is the folder writable?')

    def _try_codec(self) -> bool:
        codec = cv2.VideoWriter_fourcc(*self._CODECS[self.path.suffix])
        writer = cv2.VideoWriter(str(self._partial), codec, self.fps, [side + side % 2 for side in self._shape[::-1]])
        if not writer.isOpened():
            self._partial.unlink(missing_ok=True)
            return False
        self._writer = writer
        return True


def _even(frame: np.ndarray) -> np.ndarray:
    """The frame with its last row and column doubled where the size is odd (encoders would cut them off)."""
    if frame.shape[0] % 2 == 0 and frame.shape[1] % 2 == 0:
        return np.ascontiguousarray(frame)
    return np.pad(frame, ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)), mode='edge')
