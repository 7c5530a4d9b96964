"""Lines of text as coverage masks."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont


@lru_cache(maxsize=4096)
def text_coverage(text: str, size: int) -> np.ndarray:
    """Coverage of a line of text in the font that comes with Pillow.

    Args:
        text: The line.
        size: Font size in pixels.

    Returns:
        (h, w) float32 in [0, 1], read-only; h depends on the font size only.
    """
    font = ImageFont.load_default(size=size)
    ascent, descent = font.getmetrics()
    canvas = Image.new('L', (max(1, int(np.ceil(font.getlength(text)))), ascent + descent))
    ImageDraw.Draw(canvas).text((0, 0), text, fill=255, font=font)
    coverage = np.asarray(canvas, dtype=np.float32) / 255
    coverage.setflags(write=False)
    return coverage
