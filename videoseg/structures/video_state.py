"""The state of one video between two windows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

StateDict = dict[str, Tensor]


@dataclass
class FrameMeta:
    """What decoders, postprocessors and trackers may know about the frames of a window.

    Attributes:
        video_id: Name of the video, unique in the data set.
        frame_ids: T frame numbers, counted from 0 at the first frame of the video.
        img_shape: (h, w) valid part of the network input.
        ori_shape: (H, W) size of the results.
        batch_input_shape: (h, w) padded network input.
        seed: Seed of every random draw for this video.
    """

    video_id: str
    frame_ids: list[int]
    img_shape: tuple[int, int]
    ori_shape: tuple[int, int]
    batch_input_shape: tuple[int, int]
    seed: int = 0

    @classmethod
    def of_window(cls, sample: Any, frames: Sequence[int] | None = None, seed: int = 0) -> 'FrameMeta':
        """Read the metainfo of a window.

        Args:
            sample: A ``TrackDataSample`` whose frames went through the data preprocessor.
            frames: Positions inside the window; None means all.
            seed: Seed of the video's random draws.

        Raises:
            KeyError: If a frame lacks a size, naming the key.
        """
        positions = range(len(sample.video_data_samples)) if frames is None else frames
        infos = [sample.video_data_samples[i].metainfo for i in positions]
        first = infos[0]
        missing = [key for key in ('img_shape', 'ori_shape') if key not in first]
        if missing:
            raise KeyError(f'a frame has no {" and no ".join(missing)} in its metainfo; it has {sorted(first)}')
        return cls(
            video_id=str(first.get('video_id', sample.metainfo.get('video_id', 'video'))),
            frame_ids=[int(info.get('frame_id', i)) for info, i in zip(infos, positions, strict=True)],
            img_shape=tuple(first['img_shape'][:2]),
            ori_shape=tuple(first['ori_shape'][:2]),
            batch_input_shape=tuple(first.get('batch_input_shape', first['img_shape'])[:2]),
            seed=seed,
        )


def _map_tensors(value: Any, fn) -> Any:
    if isinstance(value, Tensor):
        return fn(value)
    if isinstance(value, dict):
        return {k: _map_tensors(v, fn) for k, v in value.items()}
    return value


@dataclass
class VideoState:
    """Everything a video carries from one window to the next.

    ``decoder`` and ``tracker`` are flat dictionaries of tensors, empty while fresh. Their size does not depend on
    the length of the video. ``track_table`` has one row a track, whose masks have long been handed out.

    Attributes:
        video_id: Name of the video.
        next_frame: Number of the next frame to be emitted, counted from 0.
        decoder: Tensors of the decoder (previous kernels, linked queries, past maps ...).
        tracker: Tensors of the tracker (embedding memory, last masks, id counter ...).
        track_table: What will be the track table: ``ids, labels, score_sum, num_frames, first_frame, last_frame``, or
            the columns of a postprocessor that selects tracks at the end.
        seed: Seed of every random draw for this video.
    """

    video_id: str
    next_frame: int = 0
    decoder: StateDict = field(default_factory=dict)
    tracker: StateDict = field(default_factory=dict)
    track_table: StateDict = field(default_factory=dict)
    seed: int = 0

    def _mapped(self, fn) -> 'VideoState':
        return VideoState(**{k: _map_tensors(v, fn) for k, v in vars(self).items()})

    def detach(self) -> 'VideoState':
        """The same state without gradient history."""
        return self._mapped(Tensor.detach)

    def to(self, device: torch.device | str) -> 'VideoState':
        """The same state on another device."""
        return self._mapped(lambda x: x.to(device))

    def state_dict(self) -> dict[str, Any]:
        """Plain tensors, numbers and strings: ``torch.save`` it, load it with ``weights_only=True``."""
        return vars(self._mapped(lambda x: x.detach().clone()))

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> 'VideoState':
        """Rebuild a saved state.

        Raises:
            KeyError: If a part is missing or unknown.
        """
        expected = set(cls.__dataclass_fields__)
        if set(state) != expected:
            raise KeyError(
                f'not a saved video state: missing {sorted(expected - set(state))}, '
                f'unknown {sorted(set(state) - expected)}'
            )
        return cls(**state)
