"""A set of frame numbers whose size does not grow with a gapless video."""

from bisect import bisect_right
from collections.abc import Iterable


class FrameSet:
    """Frame numbers as sorted half-open runs ``[start, stop)``: a video without gaps is one run.

    Args:
        frames: Frame numbers to begin with. Default: none.
    """

    def __init__(self, frames: Iterable[int] = ()) -> None:
        self.runs: list[tuple[int, int]] = []
        for frame in frames:
            self.add(frame)

    def __len__(self) -> int:
        return sum(stop - start for start, stop in self.runs)

    def __contains__(self, frame: int) -> bool:
        index = bisect_right(self.runs, (frame, float('inf'))) - 1
        return index >= 0 and frame < self.runs[index][1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrameSet) and self.runs == other.runs

    def __repr__(self) -> str:
        return 'FrameSet(' + ', '.join(f'{start}..{stop - 1}' for start, stop in self.runs) + ')'

    @property
    def last(self) -> int:
        """The highest frame number, -1 if there is none."""
        return self.runs[-1][1] - 1 if self.runs else -1

    def add(self, frame: int) -> bool:
        """Add a frame.

        Returns:
            Whether it is new.
        """
        if frame in self:
            return False
        index = bisect_right(self.runs, (frame, frame))
        start, stop = frame, frame + 1
        if index < len(self.runs) and self.runs[index][0] == stop:
            stop = self.runs.pop(index)[1]
        if index and self.runs[index - 1][1] == start:
            index -= 1
            start = self.runs.pop(index)[0]
        self.runs.insert(index, (start, stop))
        return True

    def union(self, other: 'FrameSet') -> 'FrameSet':
        """Frames of either set."""
        result = FrameSet()
        result.runs = _join([*self.runs, *other.runs])
        return result

    def issubset(self, other: 'FrameSet') -> bool:
        """Whether every frame of this set is in the other."""
        return len(self.union(other)) == len(other)

    def isdisjoint(self, other: 'FrameSet') -> bool:
        """Whether the sets share no frame."""
        return len(self.union(other)) == len(self) + len(other)


def _join(runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sort runs and join those that touch or overlap."""
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(runs):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined
