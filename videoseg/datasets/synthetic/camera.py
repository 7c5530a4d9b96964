"""A camera that pans, zooms and rolls smoothly."""

import numpy as np


class Camera:
    """Similarity transform from the world to the frame, at any time.

    World coordinates are pixels at zoom 1; the origin lies about the middle of the view.

    Args:
        rng: Source of randomness.
        size: Height and width of the frame.
        pan: Amplitude of the translation in pixels.
        zoom: Amplitude of the logarithm of the zoom.
        roll: Amplitude of the roll in degrees.
    """

    def __init__(self, rng: np.random.Generator, size: tuple[int, int], pan: float, zoom: float, roll: float) -> None:
        self.size = size
        self.amplitude = np.array([pan, pan * 0.6, zoom, np.deg2rad(roll)])
        self._omega = 2 * np.pi / rng.uniform([30, 9], [90, 20], (4, 2))
        self._phase = rng.uniform(0, 2 * np.pi, (4, 2))

    def pose(self, time: float) -> tuple[np.ndarray, float, float]:
        """Position (2,), zoom factor and roll in radians at a time in frames."""
        waves = np.sin(self._omega * time + self._phase) @ np.array([0.9, 0.1])
        x, y, zoom, roll = self.amplitude * waves
        return np.array([x, y]), float(np.exp(zoom)), float(roll)

    def matrix(self, time: float) -> np.ndarray:
        """(2, 3) from world to frame coordinates at a time in frames."""
        position, zoom, roll = self.pose(time)
        cos, sin = zoom * np.cos(roll), zoom * np.sin(roll)
        linear = np.array([[cos, -sin], [sin, cos]])
        middle = np.array([(self.size[1] - 1) / 2, (self.size[0] - 1) / 2])
        return np.concatenate([linear, (middle - linear @ position)[:, None]], axis=1)

    def to_world(self, point: np.ndarray, time: float) -> np.ndarray:
        """World coordinates (2,) of a point of the frame (x, y)."""
        matrix = self.matrix(time)
        return np.linalg.solve(matrix[:, :2], np.asarray(point, float) - matrix[:, 2])

    def reach(self) -> tuple[int, int]:
        """Height and width of a world window around the origin that the camera never leaves."""
        pan_x, pan_y, zoom, roll = self.amplitude
        height, width = self.size
        widen = np.exp(zoom)
        cos, sin = np.cos(roll), np.sin(roll)
        view_w, view_h = (widen * (width * cos + height * sin), widen * (height * cos + width * sin))
        return int(np.ceil(view_h + 2 * pan_y)) + 4, int(np.ceil(view_w + 2 * pan_x)) + 4
