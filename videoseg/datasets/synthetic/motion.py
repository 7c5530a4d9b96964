"""Paths of objects: they wander, enter and leave, and meet each other so that one hides the other."""

import dataclasses

import numpy as np

from videoseg.datasets.synthetic.camera import Camera
from videoseg.datasets.synthetic.scene_preset import ScenePreset

ENTRY_PACE = 1.5
"""Objects enter and leave this many times faster than they wander at most."""


@dataclasses.dataclass
class Path:
    """Way of one object through the world.

    Attributes:
        birth: Time at which it comes from outside; below 0 if it is there at the start.
        death: Time at which it has left; beyond the last frame if it stays.
        radius: Radius in world pixels.
        group: Look-alike group.
        knots: Time -> (2,) world position.
    """

    birth: float
    death: float
    radius: float
    group: int
    knots: dict[float, np.ndarray]

    def alive(self, time: float, margin: float = 0.0) -> bool:
        """Whether the object is around at ``time``, at least ``margin`` away from entering and leaving."""
        return self.birth + margin < time < self.death - margin

    def positions(self, times: np.ndarray) -> np.ndarray:
        """World positions (n, 2) at times (n,): a smooth curve through the knots (cubic Hermite)."""
        knot_times = np.array(sorted(self.knots))
        points = np.array([self.knots[t] for t in knot_times])
        if len(knot_times) == 1:
            return np.repeat(points, len(times), axis=0)
        slopes = np.gradient(points, knot_times, axis=0)
        k = np.clip(np.searchsorted(knot_times, times, side='right') - 1, 0, len(knot_times) - 2)
        span = (knot_times[k + 1] - knot_times[k])[:, None]
        s = np.clip((times - knot_times[k])[:, None] / span, 0, 1)
        start, end = points[k], points[k + 1]
        return (
            (1 + 2 * s) * (1 - s) ** 2 * start
            + s * (1 - s) ** 2 * span * slopes[k]
            + s**2 * (3 - 2 * s) * end
            + s**2 * (s - 1) * span * slopes[k + 1]
        )

    def at(self, time: float) -> np.ndarray:
        """World position (2,) at a time."""
        return self.positions(np.array([time]))[0]

    def force(self, times: tuple[float, ...], points: list[np.ndarray], clearance: float) -> None:
        """Lead the path through points, dropping inner knots closer in time than ``clearance``."""
        first, last = min(self.knots), max(self.knots)
        low, high = min(times) - clearance, max(times) + clearance
        self.knots = {t: p for t, p in self.knots.items() if t in (first, last) or not low < t < high}
        self.knots.update(zip(times, points, strict=True))


def sample_paths(
    rng: np.random.Generator, preset: ScenePreset, frames: int, camera: Camera, groups: list[int]
) -> list[Path]:
    """Fill the slots of a scene with one object after the other.

    Args:
        rng: Source of randomness.
        preset: Kind of scene.
        frames: Number of frames.
        camera: Needed to know where the view ends.
        groups: Is filled with the look-alike group of every path, in order.

    Returns:
        The paths.
    """
    paths: list[Path] = []
    for _ in range(int(rng.integers(preset.slots[0], preset.slots[1] + 1))):
        birth = -rng.uniform(0, preset.lifetime[1])
        while birth < frames - 2:
            life = rng.uniform(*preset.lifetime)
            death = max(birth + life, 5.0)
            group = len(set(groups))
            if groups and rng.uniform() < preset.lookalike_prob:
                group = int(rng.integers(group))
            groups.append(group)
            radius = rng.uniform(*preset.radius) * preset.size[0]
            path = Path(birth, death, radius, group, {})
            _wander(rng, path, preset, frames, camera)
            paths.append(path)
            birth = death - rng.uniform(3, 6)
    return paths


def _wander(rng: np.random.Generator, path: Path, preset: ScenePreset, frames: int, camera: Camera) -> None:
    """Give a path its knots."""
    height, width = preset.size
    box = np.array([width, height], float)
    margin = min(path.radius, height / 3)
    point = rng.uniform(margin, box - margin)
    time = -1.0
    pace = ENTRY_PACE * preset.speed[1] * height
    if path.birth > 0:
        outside, point = _gate(rng, path.radius, box)
        path.knots[path.birth] = camera.to_world(outside, path.birth)
        time = path.birth + np.linalg.norm(point - outside) / pace
    stop = min(path.death - 2 * path.radius / pace, frames + 1.0)
    while True:
        path.knots[time] = camera.to_world(point, time)
        step = preset.knot_period * rng.uniform(0.7, 1.3)
        if time >= stop:
            break
        step = min(step, max(stop - time, 1.0))
        angle = rng.uniform(0, 2 * np.pi)
        length = rng.uniform(*preset.speed) * height * step
        point = _reflect(point + length * np.array([np.cos(angle), np.sin(angle)]), margin, box - margin)
        time += step
    if path.death < frames + 1:
        outside, _ = _gate(rng, path.radius, box, near=point)
        end = time + np.linalg.norm(outside - point) / pace
        path.knots[end] = camera.to_world(outside, end)


def _reflect(point: np.ndarray, low: float, high: np.ndarray) -> np.ndarray:
    """Mirror a point at the walls of a box until it lies inside."""
    span = np.maximum(high - low, 1e-6)
    offset = np.mod(point - low, 2 * span)
    return low + np.minimum(offset, 2 * span - offset)


def _gate(
    rng: np.random.Generator, radius: float, box: np.ndarray, near: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Point just outside of the view and one inside of the same side, in frame coordinates."""
    if near is None:
        near = rng.uniform(0.1, 0.9, 2) * box
        if rng.uniform() < 0.7:
            near[0] = rng.choice([0.0, box[0]])
        else:
            near[1] = rng.choice([0.0, box[1]])
    distances = np.concatenate([near, box - near])
    side = int(distances.argmin())
    axis, sign = side % 2, -1 if side < 2 else 1
    border = 0.0 if side < 2 else box[axis]
    outside, inside = near.copy(), near.copy()
    outside[axis] = border + sign * 1.4 * radius
    inside[axis] = border - sign * (0.8 * radius + rng.uniform(0, 0.2) * box[1])
    return outside, np.clip(inside, 0.1 * box, 0.9 * box)


def add_meetings(
    rng: np.random.Generator,
    paths: list[Path],
    occluders: list[tuple[np.ndarray, float]],
    preset: ScenePreset,
    frames: int,
    camera: Camera,
) -> None:
    """Bend paths so that objects meet: once a knot period, some disjoint pairs cross at one point of the world.

    Only partners that can reach each other within a knot period at 1.5 times the preset's speed are brought together.
    The bigger of the two is nearer to the camera, thus hides the other. Pieces of stuff in front of the objects also
    serve as the nearer partner.

    Args:
        rng: Source of randomness.
        paths: Changed in place.
        occluders: World position and radius of each piece of stuff in front.
        preset: Kind of scene.
        frames: Number of frames.
        camera: Keeps the meeting points inside of the view.
    """
    box = np.array([preset.size[1], preset.size[0]], float)
    reach = 1.5 * preset.speed[1] * preset.size[0] * preset.knot_period
    for base in np.arange(0.6 * preset.knot_period, frames - 1, preset.knot_period):
        time = base + rng.uniform(-0.25, 0.25) * preset.knot_period
        free = [p for p in paths if p.alive(time, 3.0)]
        rng.shuffle(free)
        hold = rng.uniform(0, preset.meet_hold)
        times = (time,) if hold < 0.5 else (time - hold / 2, time + hold / 2)
        while free:
            back = free.pop()
            if rng.uniform() >= preset.meet_prob:
                continue
            here = back.at(time)
            near = [o for o in occluders if np.linalg.norm(o[0] - here) < reach]
            if near and rng.uniform() < 0.4:
                center, radius = near[rng.integers(len(near))]
                offset = 0.15 * radius * rng.uniform(-1, 1, 2)
                back.force(times, [center + offset] * len(times), 0.6 * preset.knot_period)
                continue
            partners = [p for p in free if np.linalg.norm(p.at(time) - here) < 2 * reach]
            partners = [p for p in partners if max(p.radius, back.radius) > 1.1 * min(p.radius, back.radius)]
            if not partners:
                continue
            partner = next((p for p in partners if p.group == back.group), partners[0])
            free = [p for p in free if p is not partner]
            _meet(rng, (back, partner), times, preset, box, camera)


def _meet(
    rng: np.random.Generator,
    pair: tuple[Path, Path],
    times: tuple[float, ...],
    preset: ScenePreset,
    box: np.ndarray,
    camera: Camera,
) -> None:
    """Let two paths run together through points near the middle between them."""
    away = 0.15 * abs(pair[0].radius - pair[1].radius) * rng.uniform(-1, 1, 2)
    shared = []
    for time in times:
        middle = sum(p.at(time) for p in pair) / 2
        matrix = camera.matrix(time)
        seen = np.clip(matrix[:, :2] @ middle + matrix[:, 2], 0.12 * box, 0.88 * box)
        shared.append(camera.to_world(seen, time))
    clearance = 0.6 * preset.knot_period
    pair[0].force(times, shared, clearance)
    pair[1].force(times, [point + away for point in shared], clearance)
