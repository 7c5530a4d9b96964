"""Appearances: shapes and sprites of things, crowds, stuff in the foreground and unlabelled patches."""

import dataclasses

import cv2
import numpy as np

from videoseg.datasets.synthetic.presets import THINGS
from videoseg.datasets.synthetic.sprite import Sprite
from videoseg.datasets.synthetic.textures import (
    STUFF_TEXTURES,
    THING_TEXTURES,
    colorize,
    sample_colors,
    smooth_noise,
)

RESOLUTION = 128


@dataclasses.dataclass(frozen=True)
class Appearance:
    """What one object looks like; look-alikes are jittered copies of one appearance.

    Attributes:
        name: Class name.
        colors: (2, 3) RGB in [0, 1].
        aspect: Ratio of the short to the long side in (0, 1].
        phase: Shift of the texture in [0, 1].
        count: Density of the texture in [0, 1].
        points: Points of a star.
    """

    name: str
    colors: np.ndarray
    aspect: float
    phase: float
    count: float
    points: int

    @classmethod
    def sample(cls, rng: np.random.Generator, name: str) -> 'Appearance':
        """Draw an appearance of a thing class."""
        aspect = {'disc': rng.uniform(0.85, 1.0), 'crate': rng.uniform(0.6, 1.0), 'star': 1.0}[name]
        return cls(name, sample_colors(rng), aspect, rng.uniform(), rng.uniform(), int(rng.integers(4, 8)))

    def lookalike(self, rng: np.random.Generator, jitter: float) -> 'Appearance':
        """Copy with all continuous parameters moved a little.

        Args:
            rng: Source of randomness.
            jitter: Standard deviation of the change of each colour channel; texture and aspect change alike.
        """
        colors = np.clip(self.colors + jitter * rng.standard_normal((2, 3)), 0, 1).astype(np.float32)
        aspect, phase, count = np.clip([self.aspect, self.phase, self.count] + jitter * rng.standard_normal(3), 0, 1)
        return dataclasses.replace(self, colors=colors, aspect=max(aspect, 0.5), phase=phase, count=count)

    def outline(self) -> np.ndarray:
        """Corners of the shape inside the unit circle: (n, 2) float."""
        if self.name == 'crate':
            angle = np.arctan(self.aspect)
            corner = 0.97 * np.array([np.cos(angle), np.sin(angle)])
            return corner * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
        if self.name == 'disc':
            theta = np.linspace(0, 2 * np.pi, 64, endpoint=False)
            return 0.9 * np.stack([np.cos(theta), self.aspect * np.sin(theta)], axis=1)
        theta = np.arange(2 * self.points) * np.pi / self.points
        radius = np.where(np.arange(2 * self.points) % 2, 0.55, 0.97)
        return radius[:, None] * np.stack([np.cos(theta), np.sin(theta)], axis=1)

    def sprite(self) -> Sprite:
        """Render the appearance."""
        alpha = fill_outline(self.outline())
        v, u = _grid()
        mix, shade = THING_TEXTURES[self.name](self.phase, self.count, u, v)
        inner = cv2.distanceTransform((alpha >= 0.5).astype(np.uint8), cv2.DIST_L2, 5) / (RESOLUTION / 2)
        rim = np.clip(1.6 - inner / 0.06, 0, 1)
        light = 1 + 0.12 * (-u - v)
        shade = shade * light * (1 - 0.6 * rim)
        return Sprite(colorize((mix, shade), self.colors, alpha + 1e-6), alpha)


def _grid() -> np.ndarray:
    """Vertical and horizontal sprite coordinates of the pixel centres: (2, s, s) float32."""
    return ((np.mgrid[:RESOLUTION, :RESOLUTION] + 0.5) / (RESOLUTION / 2) - 1).astype(np.float32)


def fill_outline(outline: np.ndarray) -> np.ndarray:
    """Coverage of a polygon.

    Args:
        outline: (n, 2) corners (x, y) in [-1, 1].

    Returns:
        (s, s) float32 in [0, 1].
    """
    fine = 4 * RESOLUTION
    canvas = np.zeros((fine, fine), np.uint8)
    corners = np.round(((outline + 1) * fine / 2 - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(canvas, [corners], 255, shift=4)
    return cv2.resize(canvas, (RESOLUTION, RESOLUTION), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def blob_outline(rng: np.random.Generator, roughness: float) -> np.ndarray:
    """Random closed smooth curve inside of the unit circle: (64, 2)."""
    theta = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    waves = [rng.standard_normal() / k * np.sin(k * theta + rng.uniform(0, 6.28)) for k in range(2, 6)]
    radius = 1 + roughness * np.sum(waves, axis=0)
    radius = 0.95 * radius / radius.max()
    return radius[:, None] * np.stack([np.cos(theta), np.sin(theta)], axis=1)


def stuff_sprite(rng: np.random.Generator, name: str, pixels_per_unit: float, unit: float) -> Sprite:
    """Piece of stuff that stands in front of the things: a pillar of wall, else a bush or pool.

    Args:
        rng: Source of randomness.
        name: Stuff class.
        pixels_per_unit: Radius at which the sprite will be shown, so that its texture has the usual scale.
        unit: Length unit of the textures in pixels.
    """
    if name == 'wall':
        outline = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * [rng.uniform(0.35, 0.6), 0.98]
    else:
        outline = blob_outline(rng, 0.25)
    alpha = fill_outline(outline)
    scale = RESOLUTION / 2 / pixels_per_unit
    texture = STUFF_TEXTURES[name](rng, (RESOLUTION, RESOLUTION), unit * scale)
    return Sprite(colorize(texture, sample_colors(rng), alpha + 1e-6), alpha)


def crowd_sprite(rng: np.random.Generator) -> tuple[str, Sprite]:
    """Heap of tiny things of one class, too many to be told apart.

    Returns:
        The class name and the sprite.
    """
    first = Appearance.sample(rng, THINGS[rng.integers(len(THINGS))].name)
    color = np.zeros((RESOLUTION, RESOLUTION, 3), np.float32)
    alpha = np.zeros((RESOLUTION, RESOLUTION), np.float32)
    for _ in range(rng.integers(9, 15)):
        sprite = first.lookalike(rng, 0.12).sprite()
        offset = rng.uniform(-0.62, 0.62, 2)
        center = (offset * [1.0, 0.6] + 1) * RESOLUTION / 2
        placed = sprite.place(center, 0.26 * RESOLUTION / 2, rng.uniform(0, 6.28), alpha.shape)
        area = color[placed.rows, placed.cols]
        area += placed.alpha[..., None] * (placed.color - area)
        cover = alpha[placed.rows, placed.cols]
        np.maximum(cover, placed.alpha, out=cover)
    return first.name, Sprite(np.clip(color + 0.5, 0, 255).astype(np.uint8), alpha)


def void_sprite(rng: np.random.Generator) -> Sprite:
    """Unlabelled patch: a blob of one flat, cloudy colour."""
    alpha = fill_outline(blob_outline(rng, 0.25))
    shade = 1 + 0.12 * smooth_noise(rng, (RESOLUTION, RESOLUTION), 48)
    colors = np.repeat(sample_colors(rng).mean(axis=0, keepdims=True), 2, axis=0)
    return Sprite(colorize((np.full_like(shade, 0.5), shade), colors), alpha)
