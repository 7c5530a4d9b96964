"""Windows of several videos in, frame results and track tables out."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.model import is_model_wrapper
from mmengine.runner import autocast
from torch import nn

from videoseg.structures import FrameMeta, VideoState


class WindowStepper:
    """Keeps one state a video and feeds its windows to the model in order.

    Windows of a batch that are alike (image size, frames, first or later window) go through ``step_batch`` together;
    all others one after the other, so a batch gives the results of single runs.

    Args:
        model: A model with ``init_state``, ``step_batch`` and ``finish``; a data-parallel wrapper is taken off.
        amp: ``None``, ``'float16'`` or ``'bfloat16'``.

    Raises:
        ValueError: For another ``amp``.
    """

    def __init__(self, model: nn.Module, amp: str | None = None) -> None:
        if amp not in (None, 'float16', 'bfloat16'):
            raise ValueError(f"amp must be None, 'float16' or 'bfloat16', not {amp!r}")
        self.model = model.module if is_model_wrapper(model) else model
        self._amp = amp
        self._states: dict[str, VideoState] = {}

    @torch.no_grad()
    def step(
        self, data_batch: Mapping[str, list]
    ) -> Iterator[tuple[list[DetDataSample], list[tuple[str, dict[str, Any]]]]]:
        """Run the windows of a collated batch.

        Args:
            data_batch: ``inputs``: B tensors (T, 3, H, W); ``data_samples``: B ``TrackDataSample``.

        Yields:
            Frame results of some windows in the order of the batch, and the (video id, track table) of those of them
            that were the last of their video.

        Raises:
            ValueError: If a video does not start with its first frame.
        """
        inputs, samples = data_batch['inputs'], data_batch['data_samples']
        for group in self._groups(inputs, samples):
            with self._autocast():
                frames = self._step_group([inputs[i] for i in group], [samples[i] for i in group])
            ended = [samples[i].metainfo['video_id'] for i in group if samples[i].metainfo['is_last_window']]
            yield frames, [(video, self.model.finish(self._states.pop(video))) for video in ended]

    def unfinished(self) -> list[str]:
        """Videos whose last window has not been seen."""
        return sorted(self._states)

    def _groups(self, inputs: list[torch.Tensor], samples: list[TrackDataSample]) -> list[list[int]]:
        """Positions of the batch that may be stepped together, in an order that keeps each video's windows in order."""
        groups: dict[tuple, list[int]] = {}
        turns: dict[str, int] = {}
        for index, sample in enumerate(samples):
            video = sample.metainfo['video_id']
            turn = turns[video] = turns.get(video, -1) + 1
            fresh = turn == 0 and video not in self._states
            groups.setdefault((turn, not fresh, tuple(inputs[index].shape)), []).append(index)
        return [groups[key] for key in sorted(groups)]

    def _step_group(self, inputs: list[torch.Tensor], samples: list[TrackDataSample]) -> list[DetDataSample]:
        data = self.model.data_preprocessor({'inputs': inputs, 'data_samples': samples}, training=False)
        states = [self._state(sample) for sample in data['data_samples']]
        results, states = self.model.step_batch(data['inputs'], data['data_samples'], states)
        for sample, state in zip(samples, states, strict=True):
            self._states[sample.metainfo['video_id']] = state
        return [frame for window in results for frame in window]

    def _state(self, sample: TrackDataSample) -> VideoState:
        video = sample.metainfo['video_id']
        if video not in self._states:
            if sample.metainfo['window_start'] != 0:
                raise ValueError(
                    f'video {video} starts with frame {sample.metainfo["window_start"]}: windows of a video must come '
                    'in order to one process (use VideoWindowSampler in the dataloader)'
                )
            self._states[video] = self.model.init_state(FrameMeta.of_window(sample))
        return self._states[video]

    def _autocast(self) -> AbstractContextManager:
        return autocast(dtype=getattr(torch, self._amp)) if self._amp else nullcontext()
