"""A flat picture with a soft mask, placed on frames by a similarity transform."""

import dataclasses
import math

import cv2
import numpy as np


@dataclasses.dataclass(frozen=True)
class Placement:
    """Where a sprite lies on a frame.

    Attributes:
        rows: Rows of the frame that it can touch.
        cols: Columns of the frame that it can touch.
        alpha: (h, w) float32 coverage in [0, 1] inside of ``rows`` x ``cols``.
        color: (h, w, 3) float32 RGB in [0, 255], or None when only the mask was asked for.
    """

    rows: slice
    cols: slice
    alpha: np.ndarray
    color: np.ndarray | None

    @property
    def mask(self) -> np.ndarray:
        """(h, w) bool: pixels covered by at least one half."""
        return self.alpha >= 0.5


class Sprite:
    """Picture and mask on the square [-1, 1] x [-1, 1], kept at several resolutions against aliasing.

    Args:
        color: (s, s, 3) uint8 RGB; also defined outside of the mask, so that no fringe appears.
        alpha: (s, s) float32 coverage in [0, 1], zero at the border.

    Raises:
        ValueError: If the shapes do not fit together.
    """

    def __init__(self, color: np.ndarray, alpha: np.ndarray) -> None:
        if color.shape != (*alpha.shape, 3) or alpha.shape[0] != alpha.shape[1]:
            raise ValueError(f'colour {color.shape} and alpha {alpha.shape} must be (s, s, 3) and (s, s)')
        self.levels: list[tuple[np.ndarray, np.ndarray]] = [(color, alpha)]
        while self.levels[-1][1].shape[0] >= 16:
            color, alpha = self.levels[-1]
            half = (alpha.shape[0] // 2, alpha.shape[0] // 2)
            small = (cv2.resize(image, half, interpolation=cv2.INTER_AREA) for image in (color, alpha))
            self.levels.append(tuple(small))
        self.unit_area = 4 * float((self.levels[0][1] >= 0.5).mean())

    def place(
        self, center: np.ndarray, radius: float, angle: float, size: tuple[int, int], with_color: bool = True
    ) -> Placement | None:
        """Project the sprite onto a frame.

        Args:
            center: (2,) x and y in pixels of the frame.
            radius: Pixels of one sprite unit.
            angle: Rotation in radians.
            size: Height and width of the frame.
            with_color: Whether to warp the picture as well as the mask.

        Returns:
            The placement, or None if the sprite lies outside of the frame.
        """
        reach = radius * (abs(math.cos(angle)) + abs(math.sin(angle))) + 1
        left, top = (max(math.floor(c - reach), 0) for c in center)
        right = min(math.ceil(center[0] + reach) + 1, size[1])
        bottom = min(math.ceil(center[1] + reach) + 1, size[0])
        if left >= right or top >= bottom:
            return None
        wanted = 2 * radius
        color, alpha = next((lv for lv in reversed(self.levels) if lv[1].shape[0] >= wanted), self.levels[0])
        half = alpha.shape[0] / 2
        cos, sin = (half / radius * f(angle) for f in (math.cos, math.sin))
        shift = np.array([left - center[0], top - center[1]])
        matrix = np.array([[cos, sin, 0], [-sin, cos, 0]])
        matrix[:, 2] = matrix[:, :2] @ shift + half - 0.5
        shape = (right - left, bottom - top)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        warped = cv2.warpAffine(alpha, matrix, shape, flags=flags, borderMode=cv2.BORDER_CONSTANT)
        picture = None
        if with_color:
            picture = cv2.warpAffine(color, matrix, shape, flags=flags, borderMode=cv2.BORDER_REPLICATE)
            picture = picture.astype(np.float32)
        return Placement(slice(top, bottom), slice(left, right), warped, picture)
