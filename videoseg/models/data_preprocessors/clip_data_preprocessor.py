"""Batches of clips."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmdet.models.data_preprocessors import TrackDataPreprocessor
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.structures import PixelData
from torch import Tensor

from videoseg.registry import MODELS
from videoseg.structures.ids import VOID_LABEL


@MODELS.register_module()
class ClipDataPreprocessor(TrackDataPreprocessor):
    """Normalise clips and pad them to one batch (B, T, 3, H, W), with their ground truth.

    mmdet's track preprocessor wants clips of equal length, pads masks only as ``BitmapMasks`` and semantic maps never
    (``specs/tube_link.md`` 6.3). Here shorter clips are filled up with zero frames (``len(data_sample)`` is the valid
    length), tensor masks are padded with 0 and semantic maps with 255. Padding comes after normalising: what lies
    outside a frame's ``img_shape`` is ``pad_value`` exactly, so a border is the mean colour.

    Args:
        mean: Three channel means in 0-255, in the order after the channel swap (RGB by default); None: no normalising.
        std: Three standard deviations, likewise.
        pad_size_divisor: H and W become multiples of this.
        pad_value: Value of padded pixels after normalising.
        bgr_to_rgb: Swap the channels of the input, which is BGR.
        non_blocking: Copy to the device without waiting (needs pinned memory).

    Raises:
        ValueError: If only one of ``mean`` and ``std`` is given, or ``pad_size_divisor`` < 1.
    """

    def __init__(
        self,
        mean: Sequence[float] | None = (123.675, 116.28, 103.53),
        std: Sequence[float] | None = (58.395, 57.12, 57.375),
        pad_size_divisor: int = 32,
        pad_value: float = 0,
        bgr_to_rgb: bool = True,
        non_blocking: bool = False,
    ) -> None:
        if (mean is None) != (std is None):
            raise ValueError('ClipDataPreprocessor: give both mean and std, or neither')
        if pad_size_divisor < 1:
            raise ValueError(f'ClipDataPreprocessor: pad_size_divisor must be at least 1, got {pad_size_divisor}')
        super().__init__(
            mean=mean,
            std=std,
            pad_size_divisor=pad_size_divisor,
            pad_value=pad_value,
            bgr_to_rgb=bgr_to_rgb,
            non_blocking=non_blocking,
        )

    def forward(self, data: dict, training: bool = False) -> dict:
        """Make a batch.

        Args:
            data: ``inputs``, B tensors (T_b, 3, H_b, W_b) uint8 or float in 0-255, and ``data_samples``, B
                ``TrackDataSample`` (or None).
            training: Whether ground truth is a target of the network and padded with it. Otherwise it is left as it is,
                at the original size, for the metrics.

        Returns:
            ``inputs`` (B, T, 3, H, W) float, on the module's device; ``data_samples`` with ``batch_input_shape`` and
            ``pad_shape`` (h, w) in every frame's metainfo and, in training, padded ``gt_instances.masks`` and
            ``gt_sem_seg``.

        Raises:
            ValueError: If an input is not (T, 3, H, W), or clip and data sample differ in length.
        """
        data = self.cast_data(dict(inputs=data['inputs'], data_samples=data.get('data_samples')))
        clips, samples = data['inputs'], data['data_samples']
        self._check(clips, samples)
        divisor = self.pad_size_divisor
        shapes = [_round_up(clip.shape[-2:], divisor) for clip in clips]
        batch_shape = max(h for h, _ in shapes), max(w for _, w in shapes)
        length = max(clip.shape[0] for clip in clips)
        batch = clips[0].new_full((len(clips), length, 3, *batch_shape), self.pad_value, dtype=torch.float32)
        for b, clip in enumerate(clips):
            batch[b, clip.shape[0] :] = 0
            clip = self._normalise(clip)
            for t, frame in enumerate(clip):
                h, w = frame.shape[-2:] if samples is None else samples[b][t].get('img_shape', frame.shape[-2:])[:2]
                batch[b, t, :, :h, :w] = frame[:, :h, :w]
            if samples is not None:
                for frame in samples[b].video_data_samples:
                    frame.set_metainfo(dict(batch_input_shape=batch_shape, pad_shape=shapes[b]))
                    if training:
                        self._pad_targets(frame, batch_shape)
        return dict(inputs=batch, data_samples=samples)

    def _normalise(self, clip: Tensor) -> Tensor:
        if self._channel_conversion:
            clip = clip[:, [2, 1, 0]]
        clip = clip.float()
        return (clip - self.mean) / self.std if self._enable_normalize else clip

    @staticmethod
    def _check(clips: Sequence[Tensor], samples: Sequence[TrackDataSample] | None) -> None:
        for b, clip in enumerate(clips):
            if clip.dim() != 4 or clip.shape[1] != 3 or clip.shape[0] == 0:
                raise ValueError(f'ClipDataPreprocessor: input {b} must be (T, 3, H, W), got {tuple(clip.shape)}')
            if samples is not None and len(samples[b]) != clip.shape[0]:
                raise ValueError(
                    f'ClipDataPreprocessor: clip {b} of video {samples[b].get("video_id")} has {clip.shape[0]} frames '
                    f'but {len(samples[b])} data samples'
                )

    @staticmethod
    def _pad_targets(frame: DetDataSample, batch_shape: tuple[int, int]) -> None:
        if 'gt_instances' in frame and 'masks' in frame.gt_instances:
            frame.gt_instances.masks = _pad(frame.gt_instances.masks, batch_shape, 0)
        if 'gt_sem_seg' in frame:
            # A new PixelData: the old one refuses maps of another size than it holds.
            frame.gt_sem_seg = PixelData(sem_seg=_pad(frame.gt_sem_seg.sem_seg, batch_shape, VOID_LABEL))


def _round_up(shape: Sequence[int], divisor: int) -> tuple[int, int]:
    return tuple(-(-int(side) // divisor) * divisor for side in shape)


def _pad(maps: Tensor, shape: tuple[int, int], value: int) -> Tensor:
    h, w = maps.shape[-2:]
    return F.pad(maps, (0, shape[1] - w, 0, shape[0] - h), value=value)
