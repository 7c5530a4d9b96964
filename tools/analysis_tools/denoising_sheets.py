"""Panels, maps of numbers and their legend on one sheet (used by ``draw_denoising.py``)."""

from collections.abc import Sequence

import cv2
import numpy as np

from videoseg.visualization import side_by_side
from videoseg.visualization.text import text_coverage

WIDTH = 1440
FONT = 20
GAP = 4
BACKGROUND, INK = 24, 235
COLORS = cv2.COLORMAP_VIRIDIS


def columns_for(shape: Sequence[int]) -> int:
    """Panels a row for frames (H, W): wide frames get more room."""
    return 2 if shape[1] > 2.4 * shape[0] else 4


def panel_scale(shape: Sequence[int]) -> float:
    """Enlargement of frames (H, W) that fills a sheet's width."""
    columns = columns_for(shape)
    return (WIDTH - (columns - 1) * GAP) / columns / shape[1]


def heat_map(values: np.ndarray, scale: float) -> np.ndarray:
    """Numbers (H, W) in [0, 1] in colours: (H * scale, W * scale, 3) uint8 BGR, dark = 0.

    Raises:
        ValueError: If a number is not in [0, 1].
    """
    if not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(f'numbers from {values.min()} to {values.max()}, expected 0 to 1')
    size = tuple(max(1, round(side * scale)) for side in values.shape[::-1])
    levels = cv2.resize(np.rint(255 * values).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT)
    return cv2.applyColorMap(levels, COLORS)


def line_of_text(text: str, width: int, font: int = FONT) -> np.ndarray:
    """A band (h, width, 3) with a line of text; what does not fit is cut off."""
    alpha = text_coverage(text, font)[:, : max(width - font, 0)]
    band = np.full((alpha.shape[0] + font // 3, width, 3), BACKGROUND, np.uint8)
    spot = band[font // 6 :][: alpha.shape[0], font // 2 : font // 2 + alpha.shape[1]]
    spot[:] = np.rint(spot + (INK - spot.astype(np.float32)) * alpha[..., None])
    return band


def legend(width: int) -> np.ndarray:
    """A band (h, width, 3): the colours of :func:`heat_map` from 0 to 1."""
    texts = [line_of_text(text, 60) for text in ('0', '0.5', '1')]
    bar = cv2.applyColorMap(np.tile(np.arange(256, dtype=np.uint8), (FONT, 1)), COLORS)
    bar = cv2.resize(bar, (min(400, width), FONT), interpolation=cv2.INTER_NEAREST)
    band = np.full((FONT + texts[0].shape[0] + GAP, width, 3), BACKGROUND, np.uint8)
    left = (width - bar.shape[1]) // 2
    band[GAP : GAP + FONT, left : left + bar.shape[1]] = bar
    for text, share in zip(texts, (0, 0.5, 1), strict=True):
        used = np.flatnonzero((text != BACKGROUND).any((0, 2)))
        word = text[:, used[0] : used[-1] + 1]
        start = int(np.clip(left + share * (bar.shape[1] - 1) - word.shape[1] / 2, 0, max(width - word.shape[1], 0)))
        spot = band[GAP + FONT :, start : start + word.shape[1]]
        spot[:] = word[: spot.shape[0], : spot.shape[1]]
    return band


def sheet(
    title: str, panels: Sequence[np.ndarray], captions: Sequence[str], columns: int, with_legend: bool = False
) -> np.ndarray:
    """A picture with a title, captioned panels and, where there are maps of numbers, their legend.

    Args:
        title: First line.
        panels: (H, W, 3) uint8 BGR of one size.
        captions: A line over each panel.
        columns: Panels a row, one less where this leaves fewer gaps.
        with_legend: Add the legend of :func:`heat_map`.

    Returns:
        (H', W', 3) uint8 BGR.

    Raises:
        ValueError: If there is no panel, or sizes differ, or captions are missing.
    """
    if columns > 2:
        columns = min(columns, columns - 1, key=lambda x: -len(panels) % x)
    named = zip(panels, captions, strict=True)
    grid = side_by_side([np.concatenate([line_of_text(c, p.shape[1]), p]) for p, c in named], None, columns, GAP)
    bands = [line_of_text(title, grid.shape[1], FONT + 4), grid]
    if with_legend:
        bands.append(legend(grid.shape[1]))
    return np.concatenate(bands)
