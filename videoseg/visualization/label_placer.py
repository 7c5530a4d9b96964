"""Where the name of a segment stands, and how it is written."""

import cv2
import numpy as np

from videoseg.visualization.text import text_coverage


class LabelPlacer:
    """Writes labels into one picture: inside their segments, inside the picture, never over each other.

    A label goes where most of its box lies on the segment's largest part, as near as possible to the centre of that
    part (which moves smoothly from frame to frame). A label that finds no room is left out.

    Args:
        picture: (H, W, 3) uint8 BGR, written to in place.
        font_size: Pixels.
    """

    def __init__(self, picture: np.ndarray, font_size: int) -> None:
        self.picture = picture
        self.font_size = font_size
        self.occupied = np.zeros(picture.shape[:2], np.float32)

    def place(self, mask: np.ndarray, text: str, color: np.ndarray) -> tuple[int, int, int, int] | None:
        """Write one label.

        Args:
            mask: (H, W) bool, the segment.
            text: The label.
            color: (3,) BGR of the segment, shown as a bar beside the text.

        Returns:
            The box of the label (x0, y0, x1, y1), exclusive maxima, or None if there was no room.
        """
        alpha = text_coverage(text, self.font_size)
        pad = max(2, self.font_size // 5)
        bar = max(3, self.font_size // 3)
        size = (alpha.shape[0] + 2 * (pad // 2), alpha.shape[1] + 2 * pad + bar)
        corner = self._find_corner(_largest_part(mask), size)
        if corner is None:
            return None
        y, x = corner
        patch = self.picture[y : y + size[0], x : x + size[1]]
        patch[:] = patch * 0.3 + 14
        patch[:, :bar] = color
        inner = patch[pad // 2 : pad // 2 + alpha.shape[0], bar + pad : bar + pad + alpha.shape[1]]
        inner[:] = inner * (1 - alpha[..., None]) + 255 * alpha[..., None]
        self.occupied[y : y + size[0], x : x + size[1]] = 1
        return x, y, x + size[1], y + size[0]

    def _find_corner(self, mask: np.ndarray, size: tuple[int, int]) -> tuple[int, int] | None:
        """Upper left corner of the best box of this size whose middle lies on the segment."""
        height, width = mask.shape
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows) or size[0] > height or size[1] > width:
            return None
        # corners whose box is in the picture and has its middle in the segment's bounding box
        half = np.array(size) // 2
        low = np.maximum(np.array([rows[0], columns[0]]) - half, 0)
        high = np.minimum(np.array([rows[-1], columns[-1]]) - half, np.array(mask.shape) - size)
        high = np.maximum(high, low)
        low = np.minimum(low, np.array(mask.shape) - size)
        high = np.minimum(high, np.array(mask.shape) - size)
        window = (slice(low[0], high[0] + size[0]), slice(low[1], high[1] + size[1]))
        inside = _box_means(mask[window].astype(np.float32), size)
        taken = _box_means(self.occupied[window], size)
        # nearest to the segment's centre of mass, measured in boxes
        weights = mask[window]
        middle = [np.average(np.arange(n), weights=weights.sum(1 - axis)) for axis, n in enumerate(weights.shape)]
        offsets = [
            (np.arange(n) + size[axis] / 2 - middle[axis]) / (4 * size[axis]) for axis, n in enumerate(inside.shape)
        ]
        score = inside - np.minimum(np.hypot(offsets[0][:, None], offsets[1][None]), 4) * 0.15
        middles = mask[window][half[0] : half[0] + inside.shape[0], half[1] : half[1] + inside.shape[1]]
        enough = 0.3 * min(1.0, mask[window].sum() / (size[0] * size[1]))
        allowed = (taken < 1e-4) & (middles | (inside > enough))
        if not allowed.any():
            return None
        best = np.unravel_index(np.argmax(np.where(allowed, score, -np.inf)), score.shape)
        return int(best[0] + low[0]), int(best[1] + low[1])


def _largest_part(mask: np.ndarray) -> np.ndarray:
    """The largest connected part of a segment."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    return mask if len(stats) <= 2 else parts == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])


def _box_means(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Mean of every box of this size that lies in ``values``, by its upper left corner."""
    sums = cv2.integral(values, sdepth=cv2.CV_64F)
    h, w = size
    total = sums[h:, w:] - sums[:-h, w:] - sums[h:, :-w] + sums[:-h, :-w]
    return total / (h * w)
