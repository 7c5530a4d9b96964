"""The only place that composes backbone, neck, decoder, postprocessor and tracker."""

from collections.abc import Sequence

import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.model import ModuleList
from torch import Tensor

from videoseg.models.segmentors.base_segmentor import BaseSegmentor
from videoseg.models.segmentors.part_checks import check_parts
from videoseg.models.segmentors.windows import group_batch, stack_states, window_meta
from videoseg.registry import MODELS
from videoseg.structures import ClipSegments, FrameMeta, PixelFeatures, VideoState
from videoseg.structures.ids import VOID_LABEL
from videoseg.structures.video_state import StateDict
from videoseg.structures.windows import check_windows

CPU_PIXELS = 1 << 16
"""Pixels of the frames that a backbone gets at once on a CPU, at least one frame: measured with EfficientNet-Lite0."""


@MODELS.register_module()
class VideoSegmentor(BaseSegmentor):
    """Segment and track videos with interchangeable parts; it knows no method.

    ``loss`` trains on clips. ``init_state``, ``step`` and ``finish`` are the streaming interface, and ``predict`` on
    whole videos is written with them. Inside a step the order is decode, align, postprocess, embed, associate.

    Args:
        backbone: Config of an mmdet backbone.
        decoder: Config of the decoder.
        neck: Config of a pixel decoder that gives ``PixelFeatures``, or a list of necks ending in one.
        postprocessor: Config of the postprocessor; only needed to predict.
        tracker: Config of the tracker; only needed to predict.
        data_preprocessor: Config of the data preprocessor.
        test_cfg: ``window`` frames at a time, ``overlap`` frames shared by consecutive windows, and the ``policy`` of
            videos that do not divide evenly (:func:`videoseg.structures.windows.cut_windows`), for ``predict``.
        void_label: Label of pixels without a segment; the original Video K-Net painted them as the first raw class.
        init_cfg: mmengine initialisation.

    Raises:
        ValueError: For impossible numbers in ``test_cfg``, or parts that cannot work together (:func:`check_parts`).
        TypeError: For unknown keys in ``test_cfg``, or a postprocessor or tracker that is none (:func:`check_parts`).
    """

    def __init__(
        self,
        backbone: dict,
        decoder: dict,
        neck: dict | list[dict] | None = None,
        postprocessor: dict | None = None,
        tracker: dict | None = None,
        data_preprocessor: dict | None = None,
        test_cfg: dict | None = None,
        void_label: int = VOID_LABEL,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            data_preprocessor, **self._window_of(**(test_cfg or {})), void_label=void_label, init_cfg=init_cfg
        )
        self.backbone = MODELS.build(backbone)
        necks = [neck] if isinstance(neck, dict) else list(neck or [])
        self.neck = ModuleList(MODELS.build(cfg) for cfg in necks)
        self.decoder = MODELS.build(decoder)
        self.postprocessor = MODELS.build(postprocessor) if postprocessor else None
        self.tracker = MODELS.build(tracker) if tracker else None
        check_parts(self.decoder, self.postprocessor, self.tracker)

    @staticmethod
    def _window_of(window: int = 1, overlap: int = 0, policy: str = 'full') -> dict:
        check_windows(window, overlap, policy, 'test_cfg')
        return dict(window=window, overlap=overlap, policy=policy)

    # ---------------------------------------------------------------- features and training

    def extract_feat(self, inputs: Tensor) -> PixelFeatures:
        """Features of B clips.

        Args:
            inputs: (B, T, 3, H, W), normalised and padded.
        """
        num_frames = inputs.shape[1]
        images = inputs.flatten(0, 1)
        x = self._pyramid(images)
        for neck in self.neck[:-1]:
            x = neck(x)
        feats = self.neck[-1](x, num_frames)
        feats.images = images
        return feats

    def _pyramid(self, images: Tensor) -> Sequence[Tensor]:
        """Levels of the backbone; on a CPU frame by frame where they are large, which its caches reward."""
        rows = max(1, CPU_PIXELS // images[0, 0].numel())
        if images.device.type != 'cpu' or torch.is_grad_enabled() or self.training or len(images) <= rows:
            return self.backbone(images)
        return [torch.cat(level) for level in zip(*(self.backbone(x) for x in images.split(rows)), strict=True)]

    def loss(self, inputs: Tensor, data_samples: Sequence[TrackDataSample]) -> dict[str, Tensor]:
        """Losses of B clips (B, T, 3, H, W) with ground truth."""
        frames = self.decoder.seen_frames(data_samples)
        if frames is not None:
            inputs = torch.stack([clip[own] for clip, own in zip(inputs, frames, strict=True)])
        return self.decoder.loss(self.extract_feat(inputs), data_samples)

    # ---------------------------------------------------------------- streaming

    def init_state(self, meta: FrameMeta) -> VideoState:
        """A fresh state for the video that starts with this window (at any frame number)."""
        return VideoState(meta.video_id, meta.frame_ids[0], decoder=self.decoder.init_state(meta), seed=meta.seed)

    @torch.no_grad()
    def step_batch(
        self, inputs: Tensor, data_samples: Sequence[TrackDataSample], states: Sequence[VideoState]
    ) -> tuple[list[list[DetDataSample]], list[VideoState]]:
        """Process one window of each of B videos; equal windows share the network pass.

        Args:
            inputs: (B, T, 3, H, W), zero-padded in T where a window is shorter.
            data_samples: B windows.
            states: B states.

        Returns:
            Per video the results of its new frames, and its new state.

        Raises:
            ValueError: If a window does not continue its state (other video, or a frame skipped).
            RuntimeError: If the model was built without postprocessor or tracker.
        """
        self._check_can_predict()
        results: list = [[] for _ in data_samples]
        states = list(states)
        for rows in group_batch(data_samples, states):
            samples = [data_samples[i] for i in rows]
            frames = len(samples[0].video_data_samples)
            batch = inputs[rows, :frames] if len(rows) < len(inputs) else inputs[:, :frames]
            group_results, group_states = self._step_group(batch, samples, [states[i] for i in rows])
            for i, result, state in zip(rows, group_results, group_states, strict=True):
                results[i], states[i] = result, state
        return results, states

    def _check_can_predict(self) -> None:
        if self.postprocessor is None or self.tracker is None:
            raise RuntimeError(
                'this VideoSegmentor has no postprocessor or no tracker: name both in the config to predict'
            )

    def _step_group(
        self, inputs: Tensor, samples: list[TrackDataSample], states: list[VideoState]
    ) -> tuple[list[list[DetDataSample]], list[VideoState]]:
        results: list = [[] for _ in samples]
        overlap = samples[0].metainfo.get('num_overlap', 0)
        clip_length = self.decoder.clip_length
        if clip_length is not None:  # what was emitted before needs no second pass
            inputs, first, overlap = inputs[:, overlap:], overlap, 0
        else:
            first = 0
        feats = self.extract_feat(inputs)
        for start in range(0, inputs.shape[1], clip_length or inputs.shape[1]):
            stop = min(start + (clip_length or inputs.shape[1]), inputs.shape[1])
            part = feats if stop - start == inputs.shape[1] else feats.select_frames(slice(start, stop))
            metas = [
                window_meta(sample, range(first + start, first + stop), state)
                for sample, state in zip(samples, states, strict=True)
            ]
            prediction, decoder_state = self.decoder.decode(part, stack_states([s.decoder for s in states]), metas)
            for b, meta in enumerate(metas):
                own = prediction.select_clip(b)
                new_frames = meta.frame_ids[overlap:]
                segments, tracker_state, table = self._identify(part.select_clip(b), own, meta, states[b], new_frames)
                states[b] = VideoState(
                    video_id=states[b].video_id,
                    next_frame=meta.frame_ids[-1] + 1,
                    decoder={name: value[b] for name, value in decoder_state.items()},
                    tracker=tracker_state,
                    track_table=table,
                    seed=states[b].seed,
                )
                frames = samples[b].video_data_samples[first + start + overlap : first + stop]
                results[b] += self.frame_results(frames, segments, overlap)
        return results, states

    def _identify(
        self, feats: PixelFeatures, prediction: object, meta: FrameMeta, state: VideoState, new_frames: Sequence[int]
    ) -> tuple[ClipSegments, StateDict, StateDict]:
        """Align, postprocess, embed, associate, and enter the result in the track table."""
        prediction, tracker_state = self.tracker.align(prediction, state.tracker)
        segments = self.postprocessor(prediction, meta)
        embeddings = self.decoder.embed(feats, prediction, segments)
        given = segments.track_ids
        segments.track_ids, tracker_state = self.tracker.associate(segments, embeddings, meta, tracker_state)
        if given is not None:  # what the postprocessor gave an identity is not the tracker's
            segments.track_ids = torch.where(given > 0, given, segments.track_ids)
        table = self.postprocessor.update_table(state.track_table, prediction, segments, new_frames)
        return segments, tracker_state, table

    def finish(self, state: VideoState) -> dict[str, Tensor]:
        """Track table of a finished video: ``ids, labels, scores, num_frames, first_frame, last_frame``.

        Where the postprocessor selects tracks at the end, several of them may share the masks of one id in the frame
        results, which is then in the column ``mask_ids``.

        Raises:
            RuntimeError: If the model was built without postprocessor or tracker.
        """
        self._check_can_predict()
        return self.postprocessor.finish_table(state.track_table)
