"""How much the tracks of a sequence are hidden, enter, leave and change size."""

import dataclasses
from collections.abc import Iterable

import numpy as np

HIDDEN_SHARE = 0.7
MIN_IN_FRAME = 0.5


@dataclasses.dataclass(frozen=True)
class TrackStatistics:
    """Areas of all objects in all frames, in pixels.

    Attributes:
        visible: (T, N) pixels in the panoptic map.
        amodal: (T, N) pixels inside of the frame if nothing were in front.
        full: (T, N) pixels of the whole shape.
    """

    visible: np.ndarray
    amodal: np.ndarray
    full: np.ndarray

    @classmethod
    def from_areas(cls, areas: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> 'TrackStatistics':
        """Stack the (visible, amodal, full) areas of the frames."""
        return cls(*(np.stack(column) for column in zip(*areas, strict=True)))

    @property
    def occluded(self) -> np.ndarray:
        """(T, N) bool: at least 70 % of an object that lies at least half inside of the frame are hidden."""
        inside = (self.amodal > 0) & (self.amodal >= MIN_IN_FRAME * self.full)
        return inside & (self.visible <= (1 - HIDDEN_SHARE) * self.amodal)

    @property
    def tracks(self) -> np.ndarray:
        """(N,) bool: objects that are seen in at least one frame."""
        return (self.visible > 0).any(axis=0)

    @property
    def hidden_tracks(self) -> np.ndarray:
        """(N,) bool: tracks that are mostly hidden in some frame."""
        return self.tracks & self.occluded.any(axis=0)

    @property
    def reappearing_tracks(self) -> np.ndarray:
        """(N,) bool: tracks that are mostly hidden between two frames in which they are mostly seen."""
        seen = (self.amodal > 0) & (self.visible > 0.5 * self.amodal)
        before = np.logical_or.accumulate(seen, axis=0)
        after = np.logical_or.accumulate(seen[::-1], axis=0)[::-1]
        return (self.occluded & before & after).any(axis=0)

    def things_per_frame(self, min_pixels: int = 1) -> np.ndarray:
        """(T,) number of things with at least ``min_pixels`` visible pixels."""
        return (self.visible >= min_pixels).sum(axis=1)

    @property
    def entering(self) -> np.ndarray:
        """(N,) bool: tracks that lie outside of the first frame."""
        return self.tracks & (self.amodal[0] == 0)

    @property
    def leaving(self) -> np.ndarray:
        """(N,) bool: tracks that lie outside of the last frame."""
        return self.tracks & (self.amodal[-1] == 0)

    @property
    def scale_change(self) -> np.ndarray:
        """(N,) largest over smallest linear size on the frame."""
        return np.sqrt(self.full.max(axis=0) / self.full.min(axis=0))
