"""A described scene and its renderer; knows nothing of files."""

import dataclasses

import cv2
import numpy as np

from videoseg.datasets.synthetic.background import Background
from videoseg.datasets.synthetic.camera import Camera
from videoseg.datasets.synthetic.presets import VOID
from videoseg.datasets.synthetic.rendered_frame import RenderedFrame
from videoseg.datasets.synthetic.sprite import Placement, Sprite
from videoseg.datasets.synthetic.track_statistics import TrackStatistics


@dataclasses.dataclass(frozen=True)
class SceneItem:
    """One sprite with its motion.

    Attributes:
        sprite: Its picture.
        raw_id: Raw class id, 255 = unlabelled.
        instance: Instance id from 1; 0 for stuff, crowds and unlabelled patches.
        depth: Items are painted by falling depth.
        centers: (T, 2) world positions.
        radii: (T,) world radii.
        angles: (T,) rotation in radians.
    """

    sprite: Sprite
    raw_id: int
    instance: int
    depth: float
    centers: np.ndarray
    radii: np.ndarray
    angles: np.ndarray


class Scene:
    """Background, items and camera of one video. ``render`` is a pure function of the time.

    Args:
        size: Height and width of the frames.
        num_frames: Number of frames T.
        camera: World to frame.
        background: Stuff behind everything; its canvas is centred on the world's origin.
        items: Things with the instance ids 1..N, crowds, stuff in front, unlabelled patches; any order.
        band: (H, W) bool, unlabelled area fixed to the frame, or None.
        gains: (T,) brightness factors.
        noise_std: Standard deviation of the sensor noise in grey levels.
        noise_seed: Seed of the sensor noise.

    Raises:
        ValueError: If the instance ids are not 1..N with N <= 65535.
    """

    def __init__(
        self,
        size: tuple[int, int],
        num_frames: int,
        camera: Camera,
        background: Background,
        items: list[SceneItem],
        band: np.ndarray | None,
        gains: np.ndarray,
        noise_std: float,
        noise_seed: int,
    ) -> None:
        self.size = size
        self.num_frames = num_frames
        self.camera = camera
        self.background = background
        self.items = sorted(items, key=lambda item: -item.depth)
        self.band = band
        self.gains = gains
        self.noise_std = noise_std
        self.noise_seed = noise_seed
        ids = sorted(item.instance for item in items if item.instance)
        if ids != list(range(1, len(ids) + 1)) or len(ids) > 65535:
            raise ValueError(f'instance ids must be 1..N with N <= 65535, got {ids[:10]}{"..." * (len(ids) > 10)}')
        self.num_objects = len(ids)

    @property
    def object_raw_ids(self) -> np.ndarray:
        """(N,) uint8 raw class ids of the objects 1..N."""
        raw_ids = np.zeros(self.num_objects, np.uint8)
        for item in self.items:
            if item.instance:
                raw_ids[item.instance - 1] = item.raw_id
        return raw_ids

    def _placements(self, time: int, with_color: bool) -> list[tuple[SceneItem, float, Placement | None]]:
        """Items from back to front with their full areas and where they lie at a frame."""
        matrix = self.camera.matrix(time)
        _, zoom, roll = self.camera.pose(time)
        placed = []
        for item in self.items:
            center = matrix[:, :2] @ item.centers[time] + matrix[:, 2]
            radius = zoom * float(item.radii[time])
            angle = float(item.angles[time]) + roll
            area = item.sprite.unit_area * radius**2
            placed.append((item, area, item.sprite.place(center, radius, angle, self.size, with_color)))
        return placed

    def _check_time(self, time: int) -> None:
        if not 0 <= time < self.num_frames:
            raise IndexError(f'frame {time} is outside of the scene of {self.num_frames} frames')

    def amodal_masks(self, time: int) -> np.ndarray:
        """Masks of the objects as if nothing were in front of them: (N, H, W) bool.

        Raises:
            IndexError: If there is no such frame.
        """
        self._check_time(time)
        masks = np.zeros((self.num_objects, *self.size), bool)
        for item, _, placement in self._placements(time, with_color=False):
            if item.instance and placement is not None:
                masks[item.instance - 1, placement.rows, placement.cols] = placement.mask
        return masks

    def areas(self, time: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Visible, amodal and full areas (N,) of a frame, without painting it.

        Raises:
            IndexError: If there is no such frame.
        """
        self._check_time(time)
        return self._truth(self._placements(time, with_color=False))[1:]

    def statistics(self) -> TrackStatistics:
        """Areas of all objects in all frames."""
        return TrackStatistics.from_areas(self.areas(time) for time in range(self.num_frames))

    def _truth(
        self, placements: list[tuple[SceneItem, float, Placement | None]]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Map of item numbers (-1 = background, int32) and the visible, amodal and full areas of the objects."""
        owner = np.full(self.size, -1, np.int32)
        amodal = np.zeros(self.num_objects, np.int64)
        full = np.zeros(self.num_objects)
        for index, (item, area, placement) in enumerate(placements):
            if item.instance:
                full[item.instance - 1] = area
            if placement is None:
                continue
            mask = placement.mask
            owner[placement.rows, placement.cols][mask] = index
            if item.instance:
                amodal[item.instance - 1] = mask.sum()
        if self.band is not None:
            owner[self.band] = len(placements)
        counts = np.bincount(owner.ravel() + 1, minlength=len(placements) + 2)
        visible = np.zeros(self.num_objects, np.int64)
        for index, (item, _, _) in enumerate(placements):
            if item.instance:
                visible[item.instance - 1] = counts[index + 1]
        return owner, visible, amodal, full

    def render(self, time: int) -> RenderedFrame:
        """Paint a frame and its truth.

        A pixel belongs to the front-most item that covers at least half of it.

        Args:
            time: Frame number from 0.

        Raises:
            IndexError: If there is no such frame.
        """
        self._check_time(time)
        placements = self._placements(time, with_color=True)
        owner, visible, amodal, full = self._truth(placements)
        image, raw_map = self._view_background(time)
        image = image.astype(np.float32)
        for _, _, placement in placements:
            if placement is not None:
                area = image[placement.rows, placement.cols]
                area += placement.alpha[..., None] * (placement.color - area)
        raw_ids = np.array([item.raw_id for item in self.items] + [VOID, 0], np.uint8)
        instances = np.array([item.instance for item in self.items] + [0, 0], np.uint16)
        raw_map = np.where(owner >= 0, raw_ids[owner], raw_map)
        return RenderedFrame(self._expose(image, time), raw_map, instances[owner], visible, amodal, full)

    def _view_background(self, time: int) -> tuple[np.ndarray, np.ndarray]:
        """Image and raw ids of the stuff behind everything."""
        matrix = self.camera.matrix(time)
        height, width = self.background.raw_map.shape
        matrix[:, 2] -= matrix[:, :2] @ np.array([(width - 1) / 2, (height - 1) / 2])
        return self.background.view(matrix, self.size)

    def _expose(self, image: np.ndarray, time: int) -> np.ndarray:
        """Brightness, the band and the sensor noise: (H, W, 3) uint8."""
        rng = np.random.default_rng([self.noise_seed, time])
        if self.band is not None:
            image[self.band] = cv2.blur(image, (1, 31))[self.band] * 0.25 + 20
        image *= np.float32(self.gains[time])
        image += np.float32(self.noise_std) * rng.standard_normal(image.shape, dtype=np.float32)
        return np.clip(image + 0.5, 0, 255).astype(np.uint8)
