"""What the json of an instance data set tells about one frame."""

from dataclasses import dataclass

from videoseg.structures.rle import RLE


@dataclass(frozen=True)
class FrameInstance:
    """One instance in one frame.

    Attributes:
        number: Number of the track among those of its video, in the order of the json, from 1.
        label: Model label.
        is_crowd: A region of many objects: no instance in training, ignored by the evaluator.
        rle: Mask, of the size of the frame; empty only for a track that no frame shows.
        area: Area in pixels as the json tells it.
        occlusion: Degree of occlusion in [0, 1] (OVIS); NaN if not told.
    """

    number: int
    label: int
    is_crowd: bool
    rle: RLE
    area: float
    occlusion: float = float('nan')
