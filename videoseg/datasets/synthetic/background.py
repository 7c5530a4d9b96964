"""The stuff behind everything: a canvas in world coordinates, cut into regions."""

import dataclasses

import cv2
import numpy as np

from videoseg.datasets.synthetic.presets import RAW_ID, STUFF
from videoseg.datasets.synthetic.textures import STUFF_TEXTURES, colorize, sample_colors, smooth_noise


@dataclasses.dataclass(frozen=True)
class Background:
    """Painted canvas.

    Attributes:
        image: (h, w, 3) uint8 RGB.
        raw_map: (h, w) uint8 raw class ids.
    """

    image: np.ndarray
    raw_map: np.ndarray

    @classmethod
    def sample(cls, rng: np.random.Generator, shape: tuple[int, int], num_regions: int, unit: float) -> 'Background':
        """Draw a canvas on which every stuff class has at least one region, if there are enough regions.

        Args:
            rng: Source of randomness.
            shape: Height and width of the canvas in pixels.
            num_regions: Number of regions, at least 1.
            unit: Length unit of the textures in pixels.
        """
        regions = sample_regions(rng, shape, num_regions, unit)
        names = [info.name for info in STUFF]
        order = np.concatenate([rng.permutation(len(names)) for _ in range(-(-num_regions // len(names)))])
        image = np.zeros((*shape, 3), np.uint8)
        raw_map = np.zeros(shape, np.uint8)
        for region, index in enumerate(order[:num_regions]):
            inside = regions == region
            picture = colorize(STUFF_TEXTURES[names[index]](rng, shape, unit), sample_colors(rng))
            image[inside] = picture[inside]
            raw_map[inside] = RAW_ID[names[index]]
        return cls(image, raw_map)

    def view(self, matrix: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Look at the canvas through the camera.

        Args:
            matrix: (2, 3) from canvas pixels to frame pixels.
            size: Height and width of the frame.

        Returns:
            Image (H, W, 3) uint8 and raw class ids (H, W) uint8.
        """
        shape = (size[1], size[0])
        image = cv2.warpAffine(self.image, matrix, shape, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        labels = cv2.warpAffine(self.raw_map, matrix, shape, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101)
        return image, labels


def sample_regions(rng: np.random.Generator, shape: tuple[int, int], number: int, unit: float) -> np.ndarray:
    """Cut a canvas into wavy bands or into patches.

    Args:
        rng: Source of randomness.
        shape: Height and width.
        number: Number of regions.
        unit: Length unit in pixels.

    Returns:
        (h, w) integer map of region numbers in [0, number).
    """
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    y = y + 4 * unit * smooth_noise(rng, shape, 24 * unit)
    x = x + 4 * unit * smooth_noise(rng, shape, 24 * unit)
    if rng.uniform() < 0.4:
        angle = rng.normal(0, 0.35) + (np.pi / 2 if rng.uniform() < 0.3 else 0)
        position = np.cos(angle) * (y - shape[0] / 2) + np.sin(angle) * (x - shape[1] / 2)
        cuts = np.linspace(position.min(), position.max(), number + 1)[1:-1]
        cuts = cuts + rng.uniform(-0.2, 0.2, number - 1) * np.ptp(position) / number
        return np.digitize(position, np.sort(cuts))
    sites = _spread_sites(rng, shape, number)
    distance = np.stack([(y - sy) ** 2 + (x - sx) ** 2 for sy, sx in sites])
    return distance.argmin(axis=0)


def _spread_sites(rng: np.random.Generator, shape: tuple[int, int], number: int) -> np.ndarray:
    """Points far from each other (best of some candidates each): (number, 2) as y, x."""
    box = np.array(shape)
    sites = [rng.uniform(0.15, 0.85, 2) * box]
    while len(sites) < number:
        candidates = rng.uniform(0.05, 0.95, (8, 2)) * box
        distance = np.linalg.norm(candidates[:, None] - np.array(sites), axis=-1).min(axis=1)
        sites.append(candidates[distance.argmax()])
    return np.array(sites)
