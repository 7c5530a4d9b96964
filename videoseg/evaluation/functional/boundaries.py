"""Boundaries of masks and how well two of them agree (Perazzi et al., CVPR 2016; DAVIS' F)."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Boundary:
    """Boundary of one mask inside a box that holds it and everything within the radius.

    Attributes:
        top, left: Position of the box in the image.
        pixels: (h, w) bool boundary.
        near: (h, w) bool pixels within the radius of the boundary.
        length: Number of boundary pixels.
    """

    top: int
    left: int
    pixels: np.ndarray
    near: np.ndarray
    length: int


def find_boundary(mask: np.ndarray, radius: int) -> Boundary:
    """Find the pixels of a mask's boundary.

    A pixel is boundary if it differs from its right, lower or lower right neighbour; in the last row only the right
    one counts, in the last column the lower one, and the last pixel of both never is boundary.

    Args:
        mask: (H, W) bool, not empty.
        radius: Radius of the disk of :attr:`Boundary.near` in pixels.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, bottom = max(rows[0] - 1 - radius, 0), min(rows[-1] + 2 + radius, mask.shape[0])
    left, right = max(columns[0] - 1 - radius, 0), min(columns[-1] + 2 + radius, mask.shape[1])
    crop = mask[top:bottom, left:right]
    pixels = np.zeros_like(crop)
    pixels[:, :-1] = crop[:, :-1] != crop[:, 1:]
    pixels[:-1] |= crop[:-1] != crop[1:]
    pixels[:-1, :-1] |= crop[:-1, :-1] != crop[1:, 1:]
    return Boundary(int(top), int(left), pixels, dilate(pixels, radius), int(np.count_nonzero(pixels)))


def dilate(mask: np.ndarray, radius: int) -> np.ndarray:
    """Pixels whose distance to a pixel of the mask is at most ``radius``: dilation by a disk, (h, w) bool."""
    height, width = mask.shape
    sums = np.zeros((height, width + 2 * radius + 1), np.int32)
    np.cumsum(mask, axis=1, out=sums[:, radius + 1 : radius + 1 + width])
    sums[:, radius + 1 + width :] = sums[:, radius + width, None]
    result, reached = np.zeros_like(mask), {}
    for step in range(min(radius, height - 1) + 1):
        half = int(np.sqrt(radius * radius - step * step))
        if half not in reached:  # rows dilated by so many pixels to both sides
            end = radius + half + 1
            reached[half] = sums[:, end : end + width] > sums[:, radius - half : radius - half + width]
        result[step:] |= reached[half][: height - step]
        result[: height - step] |= reached[half][step:]
    return result


def boundary_f(gt: Boundary, pred: Boundary) -> float:
    """F of two boundaries: precision is the share of the predicted one near the true one, recall the other way."""
    if not gt.length or not pred.length:
        return float(gt.length == pred.length)
    top, bottom = max(gt.top, pred.top), min(gt.top + len(gt.pixels), pred.top + len(pred.pixels))
    left = max(gt.left, pred.left)
    right = min(gt.left + gt.pixels.shape[1], pred.left + pred.pixels.shape[1])
    if bottom <= top or right <= left:
        return 0.0
    at_gt = np.s_[top - gt.top : bottom - gt.top, left - gt.left : right - gt.left]
    at_pred = np.s_[top - pred.top : bottom - pred.top, left - pred.left : right - pred.left]
    precision = np.count_nonzero(pred.pixels[at_pred] & gt.near[at_gt]) / pred.length
    recall = np.count_nonzero(gt.pixels[at_gt] & pred.near[at_pred]) / gt.length
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
