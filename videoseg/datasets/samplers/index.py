"""What samplers hand to the data sets instead of a bare integer."""

from typing import NamedTuple


class DrawIndex(NamedTuple):
    """One training sample: a pure function of these two numbers, whatever worker or process loads it.

    Attributes:
        index: Number of the key frame in the data set.
        seed: Seed of every random draw of the sample, in [0, 2**32).
    """

    index: int
    seed: int


class WindowIndex(NamedTuple):
    """Frames [start, stop) of one video at test time.

    Attributes:
        video: Number of the video in the data set.
        start: First frame, counted from 0.
        stop: One past the last frame.
        overlap: How many of the first frames were already emitted with the previous window.
    """

    video: int
    start: int
    stop: int
    overlap: int
