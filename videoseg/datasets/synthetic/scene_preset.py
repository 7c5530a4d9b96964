"""What a family of synthetic scenes looks like."""

import dataclasses
import hashlib
import json

GENERATOR_VERSION = 2
"""Raised whenever the same preset and seed would give other pixels than before."""

_RANGES = ('slots', 'radius', 'lifetime', 'speed', 'occluders', 'void_patches', 'regions')
_SHARES = ('meet_prob', 'lookalike_prob', 'crowd_prob', 'void_band_prob', 'min_hidden_share')


@dataclasses.dataclass(frozen=True)
class ScenePreset:
    """Distribution of scenes. Lengths are fractions of the image height, times are frames, ranges are inclusive.

    Attributes:
        name: Name of the preset.
        size: Image height and width in pixels.
        num_train: Number of training sequences.
        num_val: Number of validation sequences.
        train_frames: Frames of a training sequence.
        val_frames: Frames of a validation sequence.
        slots: Range of how many objects are around at a time; an object that leaves is followed by another.
        radius: Range of the circumscribed radius of an object at camera zoom 1.
        lifetime: Range of how long an object stays around.
        speed: Range of the speed of an object, per frame.
        knot_period: Time between two changes of an object's direction.
        meet_prob: Chance, a knot period, that an object meets another and is hidden by it (or hides it).
        meet_hold: Longest time that two objects which meet stay together.
        lookalike_prob: Chance that a new object repeats the appearance of an earlier one of the sequence.
        lookalike_jitter: Standard deviation by which look-alikes differ (colour channels in [0, 1]).
        scale_drift: Largest change of the logarithm of an object's radius.
        camera_pan: Amplitude of the camera's translation.
        camera_zoom: Amplitude of the logarithm of the camera's zoom.
        camera_roll: Amplitude of the camera's roll in degrees.
        regions: Range of the number of stuff regions of the background.
        occluders: Range of the number of pieces of stuff that stand in front of the objects.
        crowd_prob: Chance that a sequence has a group of tiny things without instance ids.
        void_patches: Range of the number of unlabelled patches on the background.
        void_band_prob: Chance of an unlabelled band fixed to the lower image border.
        light_drift: Amplitude of the brightness change over time.
        noise_std: Standard deviation of the sensor noise in grey levels.
        min_things: Least number of things visible in each frame (scenes with fewer are drawn again).
        min_visible_pixels: Visible pixels that make a thing count for ``min_things``.
        min_hidden_share: Least share of the tracks of a sequence that are hidden at some time (see
            ``TrackStatistics``).

    Raises:
        ValueError: If a value is out of its range; the message names the field.
    """

    name: str
    size: tuple[int, int] = (128, 256)
    num_train: int = 16
    num_val: int = 6
    train_frames: int = 12
    val_frames: int = 16
    slots: tuple[int, int] = (3, 4)
    radius: tuple[float, float] = (0.13, 0.22)
    lifetime: tuple[int, int] = (10, 30)
    speed: tuple[float, float] = (0.01, 0.04)
    knot_period: float = 7.0
    meet_prob: float = 0.5
    meet_hold: float = 2.0
    lookalike_prob: float = 0.5
    lookalike_jitter: float = 0.05
    scale_drift: float = 0.25
    camera_pan: float = 0.15
    camera_zoom: float = 0.12
    camera_roll: float = 3.0
    regions: tuple[int, int] = (3, 5)
    occluders: tuple[int, int] = (0, 1)
    crowd_prob: float = 0.25
    void_patches: tuple[int, int] = (0, 1)
    void_band_prob: float = 0.5
    light_drift: float = 0.08
    noise_std: float = 4.0
    min_things: int = 1
    min_visible_pixels: int = 20
    min_hidden_share: float = 0.0

    def __post_init__(self) -> None:
        if len(self.size) != 2 or min(self.size) < 32 or max(self.size) > 4096:
            raise ValueError(f'size must be (height, width) with both in 32..4096, got {self.size}')
        for field in ('num_train', 'num_val'):
            if not 0 <= getattr(self, field) <= 5000:
                raise ValueError(f'{field} must be in 0..5000, got {getattr(self, field)}')
        for field in ('train_frames', 'val_frames'):
            if not 1 <= getattr(self, field) <= 999999:
                raise ValueError(f'{field} must be in 1..999999, got {getattr(self, field)}')
        for field in _RANGES:
            low, high = getattr(self, field)
            if not 0 <= low <= high:
                raise ValueError(f'{field} must be a range 0 <= low <= high, got {(low, high)}')
        for field in _SHARES:
            if not 0 <= getattr(self, field) <= 1:
                raise ValueError(f'{field} must be in [0, 1], got {getattr(self, field)}')

    def frames(self, split: str) -> int:
        """Number of frames of a sequence of ``split`` ('train' or 'val')."""
        return {'train': self.train_frames, 'val': self.val_frames}[split]

    def count(self, split: str) -> int:
        """Number of sequences of ``split`` ('train' or 'val')."""
        return {'train': self.num_train, 'val': self.num_val}[split]

    def digest(self) -> str:
        """SHA-256 of everything that decides the pixels of sequence k: all but the numbers of sequences."""
        fields = dataclasses.asdict(self)
        del fields['num_train'], fields['num_val']
        text = json.dumps(dict(generator=GENERATOR_VERSION, **fields), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
