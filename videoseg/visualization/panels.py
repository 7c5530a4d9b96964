"""Pictures next to each other."""

from collections.abc import Sequence

import numpy as np

from videoseg.visualization.text import text_coverage


def side_by_side(
    panels: Sequence[np.ndarray], captions: Sequence[str] | None = None, columns: int | None = None, gap: int = 4
) -> np.ndarray:
    """Join pictures of one size into a grid.

    Args:
        panels: (H, W, 3) uint8 pictures.
        captions: A line over each panel; None leaves the lines out.
        columns: Panels a row. Defaults to all in one row.
        gap: Pixels between panels.

    Returns:
        (H', W', 3) uint8.

    Raises:
        ValueError: If there is no panel, sizes differ or captions are missing.
    """
    if not panels:
        raise ValueError('there is no panel to join')
    shapes = [panel.shape for panel in panels]
    if len(set(shapes)) != 1:
        raise ValueError(f'panels must have one size, got {shapes}')
    if captions is not None and len(captions) != len(panels):
        raise ValueError(f'{len(panels)} panels need as many captions, got {len(captions)}')
    height, width = shapes[0][:2]
    font_size = int(np.clip(round(np.hypot(height, width) * 0.0145), 11, 40))
    head = 0 if captions is None else font_size + font_size // 2
    columns = min(columns or len(panels), len(panels))
    rows = -(-len(panels) // columns)
    canvas = np.full((rows * (height + head + gap) - gap, columns * (width + gap) - gap, 3), 24, np.uint8)
    for index, panel in enumerate(panels):
        y, x = (index // columns) * (height + head + gap), (index % columns) * (width + gap)
        canvas[y + head : y + head + height, x : x + width] = panel
        if captions is not None:
            alpha = text_coverage(captions[index], font_size)[:head, : width - font_size]
            spot = canvas[y : y + alpha.shape[0], x + font_size // 2 : x + font_size // 2 + alpha.shape[1]]
            spot[:] = spot * (1 - alpha[..., None]) + 235 * alpha[..., None]
    return canvas
