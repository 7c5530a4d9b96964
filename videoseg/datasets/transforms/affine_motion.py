"""Smooth affine motion over a few frames, and warping by it."""

from dataclasses import dataclass, fields

import cv2
import numpy as np

from videoseg.structures.ids import VOID_ID


@dataclass(frozen=True)
class AffineMotion:
    """How fast things may move: bounds of one step, from a frame to the next.

    Attributes:
        max_translation: In both directions, as a share of the shorter side of the frame.
        max_rotation: Degrees.
        max_scale: Growth or shrinking: 0.05 is a factor between 1 / 1.05 and 1.05.
        max_shear: Degrees.

    Raises:
        ValueError: If a bound is negative, or an angle is 90 degrees or more.
    """

    max_translation: float = 0.05
    max_rotation: float = 4.0
    max_scale: float = 0.05
    max_shear: float = 2.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) >= 0:
                raise ValueError(f'AffineMotion: {field.name} must not be negative, got {getattr(self, field.name)}')
        if max(self.max_rotation, self.max_shear) >= 90:
            raise ValueError(
                f'AffineMotion: rotation {self.max_rotation} and shear {self.max_shear} are degrees a frame, below 90'
            )

    def draw(self, num_frames: int) -> np.ndarray:
        """A path with constant acceleration: the first and the last step are drawn, those between are in between.

        Args:
            num_frames: T.

        Returns:
            (T, 5) x and y translation (share of the shorter side), rotation and shear (radians), log scale; the first
            row is zero, and no step is beyond the bounds.
        """
        angles = np.deg2rad([self.max_rotation, self.max_shear])
        bounds = np.array([self.max_translation, self.max_translation, *angles, np.log1p(self.max_scale)])
        first, last = np.random.uniform(-1.0, 1.0, (2, len(bounds))) * bounds
        along = np.linspace(0.0, 1.0, max(num_frames - 1, 1))[: num_frames - 1, None]
        steps = first + (last - first) * along
        return np.concatenate([np.zeros((1, len(bounds))), np.cumsum(steps, axis=0)])


def path_matrices(path: np.ndarray, size: tuple[int, int], pivot: tuple[float, float] | None = None) -> np.ndarray:
    """Where pixels go.

    Args:
        path: (T, 5), see :meth:`AffineMotion.draw`.
        size: (H, W) of the frame.
        pivot: x and y that rotation, scale and shear leave in place; the middle of the frame by default.

    Returns:
        (T, 3, 3) matrices from (x, y, 1) in pixels (centres are whole numbers) to their places in frame t.
    """
    x, y = ((size[1] - 1) / 2, (size[0] - 1) / 2) if pivot is None else pivot
    rotation, shear, scale = path[:, 2], path[:, 3], np.exp(path[:, 4])
    cos, sin, skew = np.cos(rotation), np.sin(rotation), np.tan(shear)
    linear = np.stack([cos, cos * skew - sin, sin, sin * skew + cos], axis=1).reshape(-1, 2, 2) * scale[:, None, None]
    moved = path[:, :2] * min(size) + (x, y)
    matrices = np.tile(np.eye(3), (len(path), 1, 1))
    matrices[:, :2, :2] = linear
    matrices[:, :2, 2] = moved - linear @ np.array([x, y])
    return matrices


def source_positions(matrix: np.ndarray, rows: range, columns: range) -> tuple[np.ndarray, np.ndarray]:
    """Where the pixels of a window of the warped frame come from.

    Args:
        matrix: (3, 3), from the source to the frame.
        rows: Rows of the window.
        columns: Columns of the window.

    Returns:
        x and y in the source, (len(rows), len(columns)) each.
    """
    (a, b, c), (d, e, f), _ = np.linalg.inv(matrix)
    x, y = np.arange(columns.start, columns.stop), np.arange(rows.start, rows.stop)[:, None]
    return a * x + b * y + c, d * x + e * y + f


def sample_nearest(values: np.ndarray, x: np.ndarray, y: np.ndarray, outside: int) -> np.ndarray:
    """The pixels of a map (H, W) that are nearest to positions; ``outside`` for positions not in it."""
    column, row = np.floor(x + 0.5).astype(np.int64), np.floor(y + 0.5).astype(np.int64)
    inside = (row >= 0) & (row < values.shape[0]) & (column >= 0) & (column < values.shape[1])
    out = np.full(x.shape, outside, values.dtype)
    out[inside] = values[row[inside], column[inside]]
    return out


def sample_bilinear(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """An image (H, W, 3) at positions; its border goes on outside."""
    places = x.astype(np.float32), y.astype(np.float32)
    return cv2.remap(image, *places, interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def warp_frame(
    image: np.ndarray, panoptic_map: np.ndarray, matrix: np.ndarray, fill: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Move a frame: the image bilinearly, the map by nearest neighbour.

    Args:
        image: (H, W, 3).
        panoptic_map: (H, W) panoptic ids.
        matrix: (3, 3), see :func:`path_matrices`.
        fill: Colour of the pixels that the frame has left.

    Returns:
        Both, of the same size and type; the map is void where the frame has left.
    """
    if np.array_equal(matrix, np.eye(3)):
        return image.copy(), panoptic_map.copy()
    height, width = panoptic_map.shape
    x, y = source_positions(matrix, range(height), range(width))
    left = sample_nearest(np.zeros(panoptic_map.shape, np.uint8), x, y, outside=1).view(bool)
    warped = sample_bilinear(image, x, y)
    warped[left] = np.asarray(fill, np.float64).astype(image.dtype)
    return warped, sample_nearest(panoptic_map, x, y, outside=VOID_ID)
