"""mmdet's own models for video instance segmentation, on our data and in our loops."""

from collections.abc import Sequence

import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.structures import InstanceData
from torch import Tensor

from videoseg.models.segmentors.base_segmentor import BaseSegmentor
from videoseg.models.segmentors.windows import window_meta
from videoseg.registry import MODELS
from videoseg.structures import ClipSegments, FrameMeta, VideoState
from videoseg.structures.track_table import update_track_table


@MODELS.register_module()
class MMDetVideoSegmentor(BaseSegmentor):
    """An mmdet model that sees a whole video at once (``Mask2FormerVideo``), as a peer of our own models.

    Network, losses, matching and read-out are mmdet's, and so are its properties: the ten best (query, class) pairs of
    a video are its tracks, its mask losses grow with the clip length (``specs/tube_link.md`` section 6.3), training
    wants clips of exactly ``track_head.num_frames`` frames (not 1), and a video is segmented in one piece, since
    nothing links two windows. Only ground truth and results are converted.

    Args:
        detector: Config of the mmdet model, without ``data_preprocessor``.
        data_preprocessor: Config of our data preprocessor.
        init_cfg: mmengine initialisation.
    """

    def __init__(self, detector: dict, data_preprocessor: dict | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor, init_cfg=init_cfg)
        self.detector = MODELS.build(detector)
        self.num_things = self.detector.num_classes
        self.num_stuff = 0

    def extract_feat(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Maps of the backbone, (B*T, C, h, w) each, of B clips (B, T, 3, H, W)."""
        return tuple(self.detector.backbone(inputs.flatten(0, 1)))

    def loss(self, inputs: Tensor, data_samples: Sequence[TrackDataSample]) -> dict[str, Tensor]:
        """Losses of B clips (B, T, 3, H, W) with ground truth, as the detector names them.

        Raises:
            ValueError: If a clip does not have the number of frames that the head was built for; mmdet would mix up
                the frames of different clips.
        """
        wanted = self.detector.track_head.num_frames
        for sample in data_samples:
            if len(sample) != wanted:
                raise ValueError(
                    f'video {sample.get("video_id")!r}: a training clip of {len(sample)} frames for a head of '
                    f'{wanted}: set model.detector.track_head.num_frames and ClipSample to the same number'
                )
        return self.detector.loss(inputs, [_with_bitmaps(sample) for sample in data_samples])

    def init_state(self, meta: FrameMeta) -> VideoState:
        """See :meth:`BaseSegmentor.init_state`."""
        return VideoState(meta.video_id, meta.frame_ids[0], seed=meta.seed)

    @torch.no_grad()
    def step_batch(
        self, inputs: Tensor, data_samples: Sequence[TrackDataSample], states: Sequence[VideoState]
    ) -> tuple[list[list[DetDataSample]], list[VideoState]]:
        """Process B whole videos, one after the other: mmdet's read-out takes one.

        Raises:
            ValueError: If a second window of a video comes.
        """
        results = [
            self._segment(video, sample, state)
            for video, sample, state in zip(inputs, data_samples, states, strict=True)
        ]
        return [frames for frames, _ in results], [state for _, state in results]

    def _segment(
        self, video: Tensor, sample: TrackDataSample, state: VideoState
    ) -> tuple[list[DetDataSample], VideoState]:
        length = len(sample)
        meta = window_meta(sample, range(length), state)
        if state.track_table:
            raise ValueError(
                f'video {meta.video_id!r}: a second window; nothing links two windows of a '
                f'{type(self.detector).__name__}: set sampler.window to the length of the longest video'
            )
        plain = TrackDataSample()
        plain.video_data_samples = [DetDataSample(metainfo=frame.metainfo) for frame in sample]
        (found,) = self.detector.predict(video[None, :length], [plain], rescale=True)
        tracks = [frame.pred_track_instances for frame in found]
        segments = ClipSegments(
            labels=tracks[0].labels,
            scores=tracks[0].scores,
            is_thing=torch.ones_like(tracks[0].labels, dtype=torch.bool),
            query_index=torch.full_like(tracks[0].labels, -1),
            masks=torch.stack([track.masks for track in tracks], 1),
            track_ids=tracks[0].instances_id.to(tracks[0].labels) + 1,
        )
        table = update_track_table({}, segments, meta.frame_ids)
        state = VideoState(state.video_id, meta.frame_ids[-1] + 1, track_table=table, seed=state.seed)
        return self.frame_results(sample.video_data_samples, segments), state


def _with_bitmaps(sample: TrackDataSample) -> TrackDataSample:
    """The clip with the ground truth that mmdet's heads read; the original stays as it is."""
    clip = TrackDataSample(metainfo=sample.metainfo)
    frames = []
    for frame in sample:
        masks = frame.gt_instances.masks
        converted = DetDataSample(metainfo=frame.metainfo)
        converted.gt_instances = InstanceData(
            labels=frame.gt_instances.labels,
            instances_ids=frame.gt_instances.instances_ids,
            masks=BitmapMasks(masks.cpu().numpy(), *masks.shape[-2:]),
        )
        frames.append(converted)
    clip.video_data_samples = frames
    return clip
