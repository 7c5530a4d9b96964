"""Windows of videos: describing and grouping them."""

from collections.abc import Sequence

import torch
from mmdet.structures import TrackDataSample

from videoseg.structures import FrameMeta, VideoState
from videoseg.structures.video_state import StateDict


def window_meta(sample: TrackDataSample, frames: range, state: VideoState | None = None) -> FrameMeta:
    """Describe some frames of a window.

    Args:
        sample: The window.
        frames: Positions inside the window.
        state: The running state, to check that the frames continue it; None at the start of a video.

    Raises:
        ValueError: If the video differs from the state's or a frame was skipped or repeated.
    """
    seed = state.seed if state is not None else int(sample.metainfo.get('seed', 0))
    meta = FrameMeta.of_window(sample, frames, seed)
    if state is not None:
        first_new = meta.frame_ids[max(sample.metainfo.get('num_overlap', 0) - frames.start, 0)]
        if state.video_id != meta.video_id:
            raise ValueError(
                f'the window is of video {meta.video_id!r}, its state of {state.video_id!r}: call init_state'
            )
        if state.next_frame != first_new:
            raise ValueError(
                f'video {meta.video_id!r}: the window brings frame {first_new}, but frame {state.next_frame} is next; '
                'hand over every frame once and in order, or call init_state'
            )
    return meta


def group_batch(samples: Sequence[TrackDataSample], states: Sequence[VideoState]) -> list[list[int]]:
    """Rows of a batch that can share a network pass: equal length, shapes and overlap, all fresh or all running."""
    groups: dict[tuple, list[int]] = {}
    for row, (sample, state) in enumerate(zip(samples, states, strict=True)):
        info = sample.video_data_samples[0].metainfo
        shapes = tuple(tuple(info[key][:2]) for key in ('img_shape', 'ori_shape', 'batch_input_shape'))
        key = (len(sample.video_data_samples), sample.metainfo.get('num_overlap', 0), bool(state.decoder), shapes)
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def stack_states(states: Sequence[StateDict]) -> StateDict:
    """Stack the decoder states of a group along a new batch axis; empty where they are fresh."""
    return {name: torch.stack([state[name] for state in states]) for name in states[0]}
