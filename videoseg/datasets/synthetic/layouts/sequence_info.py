"""What a layout has to know of a sequence."""

from typing import NamedTuple

FIRST_SEQUENCE = {'train': 0, 'val': 5000}
"""Names of train and val sequences never coincide, as in KITTI-STEP, and do not depend on how many there are."""


class SequenceInfo(NamedTuple):
    """One synthetic video.

    Attributes:
        split: 'train' or 'val'.
        index: Number in its split, from 0.
        num_frames: Number of frames T.
        size: Height and width of the frames.
    """

    split: str
    index: int
    num_frames: int
    size: tuple[int, int]

    @property
    def number(self) -> int:
        """Number in the data set: those of the two splits never coincide."""
        return FIRST_SEQUENCE[self.split] + self.index

    @property
    def name(self) -> str:
        """``number`` with 4 digits, the name of the video in most layouts."""
        return f'{self.number:04d}'
