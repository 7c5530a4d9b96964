"""The only place that composes backbone, neck, decoder, postprocessor and tracker."""

from collections.abc import Sequence

import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.model import BaseModel, ModuleList
from mmengine.structures import InstanceData, PixelData
from torch import Tensor

from videoseg.models.segmentors.track_table import finish_tracks, update_track_table
from videoseg.models.segmentors.windows import cut_windows, group_batch, stack_states, window_meta
from videoseg.registry import MODELS
from videoseg.structures import ClipSegments, FrameMeta, PixelFeatures, VideoState
from videoseg.structures.ids import DIVISOR, VOID_LABEL


@MODELS.register_module()
class VideoSegmentor(BaseModel):
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
        test_cfg: ``window`` frames at a time and ``overlap`` frames shared by consecutive windows, for ``predict``.
        void_label: Label of pixels without a segment; the original Video K-Net painted them as the first raw class.
        init_cfg: mmengine initialisation.

    Raises:
        ValueError: For impossible numbers in ``test_cfg``.
        TypeError: For unknown keys in ``test_cfg``, or a tracker that is none of ours.
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
        if isinstance(data_preprocessor, dict):  # built here, so that no default scope has to be set
            data_preprocessor = MODELS.build(data_preprocessor)
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.backbone = MODELS.build(backbone)
        necks = [neck] if isinstance(neck, dict) else list(neck or [])
        self.neck = ModuleList(MODELS.build(cfg) for cfg in necks)
        self.decoder = MODELS.build(decoder)
        self.postprocessor = MODELS.build(postprocessor) if postprocessor else None
        self.tracker = MODELS.build(tracker) if tracker else None
        if self.tracker is not None and not hasattr(self.tracker, 'associate'):
            raise TypeError(
                f'model.tracker is a {type(self.tracker).__name__}, which has no align and associate: use a tracker of '
                'videoseg.models.trackers, or a subclass of its BaseTracker'
            )
        self.window, self.overlap = self._window_of(**(test_cfg or {}))
        self.void_label = void_label

    @staticmethod
    def _window_of(window: int = 1, overlap: int = 0) -> tuple[int, int]:
        if window < 1 or not 0 <= overlap < window:
            raise ValueError(f'test_cfg: window {window} must be at least 1 and overlap {overlap} in [0, window)')
        return window, overlap

    # ---------------------------------------------------------------- features and training

    def extract_feat(self, inputs: Tensor) -> PixelFeatures:
        """Features of B clips.

        Args:
            inputs: (B, T, 3, H, W), normalised and padded.
        """
        num_frames = inputs.shape[1]
        images = inputs.flatten(0, 1)
        x = self.backbone(images)
        for neck in self.neck[:-1]:
            x = neck(x)
        feats = self.neck[-1](x, num_frames)
        feats.images = images
        return feats

    def loss(self, inputs: Tensor, data_samples: Sequence[TrackDataSample]) -> dict[str, Tensor]:
        """Losses of B clips (B, T, 3, H, W) with ground truth."""
        return self.decoder.loss(self.extract_feat(inputs), data_samples)

    def forward(
        self, inputs: Tensor, data_samples: Sequence[TrackDataSample] | None = None, mode: str = 'tensor'
    ) -> dict | list | PixelFeatures:
        """mmengine's entry: ``mode`` is ``'loss'``, ``'predict'`` or ``'tensor'`` (features only)."""
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return self.extract_feat(inputs)
        raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', not {mode!r}")

    # ---------------------------------------------------------------- streaming

    def init_state(self, meta: FrameMeta) -> VideoState:
        """A fresh state for the video that starts with this window (at any frame number)."""
        return VideoState(meta.video_id, meta.frame_ids[0], decoder=self.decoder.init_state(meta), seed=meta.seed)

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
        if self.postprocessor is None or self.tracker is None:
            raise RuntimeError(
                'this VideoSegmentor has no postprocessor or no tracker: name both in the config to predict'
            )
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
                segments, tracker_state = self._identify(part, own, meta, states[b])
                states[b] = VideoState(
                    video_id=states[b].video_id,
                    next_frame=meta.frame_ids[-1] + 1,
                    decoder={name: value[b] for name, value in decoder_state.items()},
                    tracker=tracker_state,
                    track_table=update_track_table(states[b].track_table, segments, meta.frame_ids[overlap:]),
                    seed=states[b].seed,
                )
                frames = samples[b].video_data_samples[first + start + overlap : first + stop]
                results[b] += self._frame_results(frames, segments, overlap)
        return results, states

    def _identify(
        self, feats: PixelFeatures, prediction: object, meta: FrameMeta, state: VideoState
    ) -> tuple[ClipSegments, dict[str, Tensor]]:
        """Align, postprocess, embed, associate."""
        prediction, tracker_state = self.tracker.align(prediction, state.tracker)
        segments = self.postprocessor(prediction, meta)
        embeddings = self.decoder.embed(feats, prediction, segments)
        segments.track_ids, tracker_state = self.tracker.associate(segments, embeddings, meta, tracker_state)
        return segments, tracker_state

    def _frame_results(
        self, frames: Sequence[DetDataSample], segments: ClipSegments, overlap: int
    ) -> list[DetDataSample]:
        """One sample a frame with ``pred_panoptic_seg``, ``pred_sem_seg`` and ``pred_track_instances``."""
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
                result.pred_track_instances = rows[visible]
                result.pred_track_instances.masks = segments.masks[visible, t]
            results.append(result)
        return results

    def finish(self, state: VideoState) -> dict[str, Tensor]:
        """Track table of a finished video: ``ids, labels, scores, num_frames, first_frame, last_frame``."""
        return finish_tracks(state.track_table)

    # ---------------------------------------------------------------- whole videos

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
            state, frames = None, []
            for start, stop, overlap in cut_windows(len(sample.video_data_samples), self.window, self.overlap):
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
