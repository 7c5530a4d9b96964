"""What the loops, the inference and the tools ask of a model."""

from abc import ABCMeta, abstractmethod
from collections.abc import Sequence

import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.model import BaseModel
from mmengine.structures import InstanceData, PixelData
from torch import Tensor

from videoseg.models.segmentors.windows import window_meta
from videoseg.registry import MODELS
from videoseg.structures import ClipSegments, FrameMeta, PixelFeatures, VideoState
from videoseg.structures.ids import DIVISOR, VOID_LABEL
from videoseg.structures.rle import encode_masks
from videoseg.structures.track_table import finish_tracks
from videoseg.structures.windows import cut_windows


class BaseSegmentor(BaseModel, metaclass=ABCMeta):
    """Training on clips and the streaming interface; whole videos are predicted with it.

    Subclasses define :meth:`loss`, :meth:`init_state` and :meth:`step_batch`.

    Args:
        data_preprocessor: Config of the data preprocessor.
        window: Frames at a time in :meth:`predict`; None: the whole video.
        overlap: Frames shared by consecutive windows.
        void_label: Label of pixels without a segment.
        init_cfg: mmengine initialisation.
        policy: Where a video does not divide evenly, see :func:`videoseg.structures.windows.cut_windows`.
    """

    def __init__(
        self,
        data_preprocessor: dict | None = None,
        window: int | None = None,
        overlap: int = 0,
        void_label: int = VOID_LABEL,
        init_cfg: dict | None = None,
        policy: str = 'full',
    ) -> None:
        if isinstance(data_preprocessor, dict):  # built here, so that no default scope has to be set
            data_preprocessor = MODELS.build(data_preprocessor)
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.window = window
        self.overlap = overlap
        self.policy = policy
        self.void_label = void_label

    # ---------------------------------------------------------------- what subclasses define

    @abstractmethod
    def extract_feat(self, inputs: Tensor) -> PixelFeatures | tuple[Tensor, ...]:
        """Features of B clips (B, T, 3, H, W)."""

    @abstractmethod
    def loss(self, inputs: Tensor, data_samples: Sequence[TrackDataSample]) -> dict[str, Tensor]:
        """Losses of B clips (B, T, 3, H, W) with ground truth."""

    @abstractmethod
    def init_state(self, meta: FrameMeta) -> VideoState:
        """A fresh state for the video that starts with this window (at any frame number)."""

    @abstractmethod
    def step_batch(
        self, inputs: Tensor, data_samples: Sequence[TrackDataSample], states: Sequence[VideoState]
    ) -> tuple[list[list[DetDataSample]], list[VideoState]]:
        """Process one window of each of B videos.

        Args:
            inputs: (B, T, 3, H, W), zero-padded in T where a window is shorter.
            data_samples: B windows.
            states: B states.

        Returns:
            Per video the results of its new frames, and its new state.
        """

    # ---------------------------------------------------------------- what follows from it

    def forward(
        self, inputs: Tensor, data_samples: Sequence[TrackDataSample] | None = None, mode: str = 'tensor'
    ) -> dict | list | PixelFeatures | tuple[Tensor, ...]:
        """mmengine's entry: ``mode`` is ``'loss'``, ``'predict'`` or ``'tensor'`` (features only)."""
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return self.extract_feat(inputs)
        raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', not {mode!r}")

    @torch.no_grad()
    def step(
        self, inputs: Tensor, data_sample: TrackDataSample, state: VideoState
    ) -> tuple[list[DetDataSample], VideoState]:
        """Process one window of one video.

        Args:
            inputs: (T, 3, H, W), normalised and padded.
            data_sample: Frame descriptions of the window; its ``num_overlap`` leading frames were emitted before.
            state: What the previous window left.

        Returns:
            Results of the new frames, in order, and the new state.
        """
        results, states = self.step_batch(inputs[None], [data_sample], [state])
        return results[0], states[0]

    def finish(self, state: VideoState) -> dict[str, Tensor]:
        """Track table of a finished video: ``ids, labels, scores, num_frames, first_frame, last_frame``."""
        return finish_tracks(state.track_table)

    @torch.no_grad()
    def predict(self, inputs: Tensor, data_samples: Sequence[TrackDataSample]) -> list[TrackDataSample]:
        """Segment and track B whole videos (or clips, each from a fresh state).

        Args:
            inputs: (B, T, 3, H, W), zero-padded in T where a video is shorter.
            data_samples: B videos.

        Returns:
            B samples whose frames carry the results; ``tracks`` in the metainfo is the track table.
        """
        predicted = []
        for video, sample in zip(inputs, data_samples, strict=True):
            state, frames, length = None, [], len(sample.video_data_samples)
            for start, stop, overlap in cut_windows(length, self.window or length, self.overlap, self.policy):
                window = TrackDataSample(metainfo={**sample.metainfo, 'num_overlap': overlap})
                window.video_data_samples = sample.video_data_samples[start:stop]
                if state is None:
                    state = self.init_state(window_meta(window, range(stop - start)))
                results, state = self.step(video[start:stop], window, state)
                frames += results
            result = TrackDataSample(metainfo={**sample.metainfo, 'tracks': self.finish(state)})
            result.video_data_samples = frames
            predicted.append(result)
        return predicted

    def frame_results(
        self, frames: Sequence[DetDataSample], segments: ClipSegments, overlap: int = 0
    ) -> list[DetDataSample]:
        """One sample a new frame with ``pred_panoptic_seg``, ``pred_sem_seg`` and ``pred_track_instances``.

        Segments with a ``quality`` leave as RLEs, together with it.

        Args:
            frames: The new frames of the window.
            segments: Segments of all its frames, with ``track_ids``.
            overlap: Leading frames of the window that are not new.
        """
        rows = InstanceData(
            labels=segments.labels,
            scores=segments.scores,
            is_thing=segments.is_thing,
            instances_id=segments.track_ids,
        )
        results = []
        ids = None if segments.segment_map is None else segments.panoptic_map(self.void_label * DIVISOR, DIVISOR).int()
        for t, frame in enumerate(frames, start=overlap):
            result = frame.clone()
            if ids is not None:
                result.pred_panoptic_seg = PixelData(panoptic_seg=ids[t : t + 1])
                result.pred_sem_seg = PixelData(sem_seg=(ids[t : t + 1] // DIVISOR).to(torch.uint8))
                result.pred_track_instances = rows
            else:
                visible = segments.masks[:, t].flatten(1).any(1)
                found = result.pred_track_instances = rows[visible]
                found.masks = segments.masks[visible, t]
                if segments.quality is not None:
                    found.quality = segments.quality[visible, t]
                    found.masks = encode_masks(found.masks.cpu().numpy())
            results.append(result)
        return results
