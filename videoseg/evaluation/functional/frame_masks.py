"""What video AP is told: the masks of a frame and, at the end of a video, its tracks."""

from collections.abc import Sequence
from dataclasses import dataclass

from videoseg.structures.rle import RLE


@dataclass(frozen=True)
class FrameMasks:
    """The masks visible in one frame. They may overlap.

    Args:
        ids: Id of each mask, distinct in the frame and constant over the video.
        rles: Compressed RLEs (``counts`` of type bytes) of one size, as many as ``ids``; checked ones
            (:func:`videoseg.structures.rle.to_rle`) if they come from outside.
        areas: Pixels of each mask. Default: counted when needed.

    Raises:
        ValueError: If the lengths differ or an id occurs twice.
    """

    ids: Sequence[int] = ()
    rles: Sequence[RLE] = ()
    areas: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.rles):
            raise ValueError(f'{len(self.ids)} ids but {len(self.rles)} masks')
        if self.areas is not None and len(self.areas) != len(self.ids):
            raise ValueError(f'{len(self.ids)} ids but {len(self.areas)} areas')
        if len(set(self.ids)) != len(self.ids):
            raise ValueError(f'ids {list(self.ids)} are not distinct; the masks of a frame need one id each')


@dataclass(frozen=True)
class GTTrack:
    """One ground truth track.

    Args:
        id: Its id in :class:`FrameMasks`, distinct in the video.
        label: Model label.
        is_crowd: Whether it is ignored ground truth. Default False.
        area: Mean area in pixels over the frames where it is not zero. Default: counted from the masks.
        occlusion: Occlusion score in [0, 1] (:func:`~videoseg.evaluation.functional.track_score.occlusion_score`);
            only needed for the bins of OVIS. Default: unknown, in no bin.
    """

    id: int
    label: int
    is_crowd: bool = False
    area: float | None = None
    occlusion: float | None = None


@dataclass(frozen=True)
class PredTrack:
    """One predicted track: masks under a label with a score. Several may share their masks.

    Args:
        id: Distinct in the video.
        label: Model label.
        score: Confidence; only its order matters.
        mask_id: Id of its masks in :class:`FrameMasks`. Default: ``id``.
    """

    id: int
    label: int
    score: float
    mask_id: int | None = None

    @property
    def masks(self) -> int:
        """Id of its masks in :class:`FrameMasks`."""
        return self.id if self.mask_id is None else self.mask_id
