"""Textures of the stuff classes and of the thing classes, and the one colour distribution shared by all of them.

A texture is a ``mix`` in [0, 1] between two colours with mean about one half and a multiplicative ``shade``. What
tells classes apart is the pattern alone: every class draws its two colours from ``sample_colors``.
"""

from collections.abc import Callable

import cv2
import numpy as np

Texture = tuple[np.ndarray, np.ndarray]
"""Mix and shade, both (h, w) float32."""


def sample_colors(rng: np.random.Generator) -> np.ndarray:
    """Draw two colours of distinct brightness, in random order.

    Args:
        rng: Source of randomness.

    Returns:
        (2, 3) float32 RGB in [0, 1]; their values differ by at least 0.3.
    """
    value = rng.uniform(0.3, 0.65)
    values = np.array([value, value + rng.uniform(0.3, 0.4)])
    hsv = np.stack([rng.uniform(0, 360, 2), rng.uniform(0.15, 0.7, 2), rng.permutation(values).clip(0, 1)], axis=-1)
    return cv2.cvtColor(hsv[None].astype(np.float32), cv2.COLOR_HSV2RGB)[0]


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], period: float) -> np.ndarray:
    """Band-limited noise of mean 0 and deviation 1.

    Args:
        rng: Source of randomness.
        shape: Height and width.
        period: Size of the structures in pixels.

    Returns:
        (h, w) float32.
    """
    coarse = tuple(int(np.ceil(n / period)) + 3 for n in shape)
    noise = rng.standard_normal(coarse).astype(np.float32)
    size = (round(coarse[1] * period), round(coarse[0] * period))
    fine = cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)[: shape[0], : shape[1]]
    return (fine - fine.mean()) / max(float(fine.std()), 1e-6)


def grass(rng: np.random.Generator, shape: tuple[int, int], unit: float) -> Texture:
    """Short upright blades: noise stretched along y.

    Args:
        rng: Source of randomness.
        shape: Height and width.
        unit: Pixels of one length unit (1/128 of the image height).

    Returns:
        Mix and shade.
    """
    period = rng.uniform(0.8, 1.2) * unit
    noise = rng.standard_normal(shape).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), sigmaX=max(0.6 * period, 0.4), sigmaY=3.0 * period)
    noise /= max(float(noise.std()), 1e-6)
    shade = 1 + 0.06 * smooth_noise(rng, shape, 14 * unit)
    return 0.5 + 0.5 * np.tanh(1.5 * noise), shade


def water(rng: np.random.Generator, shape: tuple[int, int], unit: float) -> Texture:
    """Wavy lines, about horizontal. Arguments and return value as of ``grass``."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    period = rng.uniform(6.5, 9.5) * unit
    tilt = rng.uniform(-0.15, 0.15)
    bend = 0.28 * smooth_noise(rng, shape, 18 * unit) + 0.2 * np.sin(x / (4.5 * unit) + rng.uniform(0, 6.28))
    wave = np.sin(2 * np.pi * ((y + tilt * x) / period + bend))
    return 0.5 + 0.5 * np.tanh(1.5 * wave), np.ones(shape, np.float32)


def wall(rng: np.random.Generator, shape: tuple[int, int], unit: float) -> Texture:
    """Courses of bricks of varying colour with dark joints. Arguments and return value as of ``grass``."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    height = rng.uniform(6.5, 9.0) * unit
    width = rng.uniform(1.8, 2.4) * height
    row_position = y / height
    row = np.floor(row_position).astype(int)
    column_position = x / width + 0.5 * (row % 2)
    column = np.floor(column_position).astype(int)
    bricks = rng.beta(0.6, 0.6, (row.max() + 1, column.max() + 1)).astype(np.float32)
    joint_y = np.minimum(row_position - row, row + 1 - row_position) * height
    joint_x = np.minimum(column_position - column, column + 1 - column_position) * width
    joint = np.clip(1.6 - np.minimum(joint_x, joint_y) / (0.55 * unit), 0, 1)
    return bricks[row, column], 1 - 0.6 * joint


def rings(phase: float, count: float, u: np.ndarray, v: np.ndarray) -> Texture:
    """Concentric rings (discs).

    Args:
        phase: Shift of the pattern in periods.
        count: Free parameter in [0, 1]: from few to many repetitions.
        u: (h, w) horizontal coordinate in [-1, 1].
        v: (h, w) vertical coordinate in [-1, 1].

    Returns:
        Mix and shade.
    """
    radius = np.sqrt(u**2 + v**2)
    wave = np.sin(2 * np.pi * ((1.6 + 1.6 * count) * radius + phase))
    return 0.5 + 0.5 * np.tanh(3 * wave), np.ones_like(u)


def planks(phase: float, count: float, u: np.ndarray, v: np.ndarray) -> Texture:
    """Boards side by side under two crossed braces (crates). Arguments and return value as of ``rings``."""
    number = 2.5 + 2 * count
    position = u * number + phase
    board = np.floor(position)
    gap = np.minimum(position - board, board + 1 - position) / number
    mix = 0.35 + 0.3 * (board % 2)
    brace = np.minimum(np.abs(u - v), np.abs(u + v)) < 0.16
    mix = np.where(brace, 0.95 - 0.9 * (phase > 0.5), mix)
    shade = 1 - 0.55 * np.clip(1.5 - gap / 0.03, 0, 1) * ~brace
    return mix.astype(np.float32), shade.astype(np.float32)


def spokes(phase: float, count: float, u: np.ndarray, v: np.ndarray) -> Texture:
    """Twisted pinwheel (stars). Arguments and return value as of ``rings``."""
    angle = np.arctan2(v, u)
    number = 4 + np.round(3 * count)
    twist = 2.5 * (2 * phase - 1)
    wave = np.sin(number * angle + twist * np.sqrt(u**2 + v**2) + 6.28 * phase)
    return 0.5 + 0.5 * np.tanh(3 * wave), np.ones_like(u)


STUFF_TEXTURES: dict[str, Callable[..., Texture]] = {'grass': grass, 'water': water, 'wall': wall}
THING_TEXTURES: dict[str, Callable[..., Texture]] = {'disc': rings, 'crate': planks, 'star': spokes}


def colorize(texture: Texture, colors: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Paint a texture with two colours.

    The mix and the shade are centred first, so that the mean colour depends on the two colours only, never on the
    pattern.

    Args:
        texture: Mix and shade, (h, w) each.
        colors: (2, 3) RGB in [0, 1].
        weights: (h, w) share of each pixel in the means. Default: all equal.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    mix, shade = texture
    mix = np.clip(mix + 0.5 - np.average(mix, weights=weights), 0, 1)[..., None]
    shade = (shade / np.average(shade, weights=weights))[..., None]
    image = (mix * colors[0] + (1 - mix) * colors[1]) * shade
    return np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)
