"""Ground truth of a clip: one tube of masks for each object."""

from collections.abc import Sequence

import torch
from mmdet.structures import TrackDataSample
from torch import Tensor

from videoseg.models.task_modules.frame_targets import FrameTargets


def _join(ids: Sequence[Tensor], masks: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """All ids of a clip (G,), ascending, and their masks (G, T, h, w), zero in frames without the object."""
    unique = torch.unique(torch.cat(list(ids)))
    tubes = masks[0].new_zeros((len(unique), len(masks), *masks[0].shape[-2:]))
    for t, (own, frame) in enumerate(zip(ids, masks, strict=True)):
        tubes[torch.searchsorted(unique, own), t] = frame
    return unique, tubes


def make_tube_targets(frames: Sequence[FrameTargets], where: str = 'the clip') -> FrameTargets:
    """Join the targets of the T frames of a clip by identity.

    Objects are ordered by id, and absent ones have an empty mask in that frame (``specs/video_knet.md`` 2.8). A stuff
    class is one tube.

    Args:
        frames: T frame targets.
        where: Name of the clip, for messages.

    Returns:
        Targets with ``masks`` (G, T, h, w) and ``stuff_masks`` (S, T, h, w).

    Raises:
        ValueError: If an id has more than one class, or more than one mask in a frame.
    """
    for t, frame in enumerate(frames):
        if len(torch.unique(frame.ids)) != len(frame.ids):
            raise ValueError(f'{where}: frame {t} of the clip has several masks of one instance id: merge them')
    ids, masks = _join([frame.ids for frame in frames], [frame.masks for frame in frames])
    pairs = torch.unique(torch.cat([torch.stack([frame.ids, frame.labels], 1) for frame in frames]), dim=0)
    if len(pairs) != len(ids):
        changing = pairs[1:, 0][pairs[1:, 0] == pairs[:-1, 0]].tolist()
        raise ValueError(
            f'{where}: instance ids {sorted(set(changing))} change their class within the clip; an instance has one '
            'class: correct the annotation, or give the classes ids of their own'
        )
    stuff_labels, stuff_masks = _join([frame.stuff_labels for frame in frames], [frame.stuff_masks for frame in frames])
    return FrameTargets(pairs[:, 1], masks, ids, stuff_labels, stuff_masks)


def check_clip_lengths(name: str, data_samples: Sequence[TrackDataSample], num_frames: int) -> None:
    """Refuse a batch whose clips are not equally long: the rest of a short clip is padding.

    Args:
        name: Class that trains on the clips, for the message.
        data_samples: B clips.
        num_frames: T, frames of the longest.

    Raises:
        ValueError: If a clip is shorter.
    """
    lengths = [len(sample) for sample in data_samples]
    if any(length != num_frames for length in lengths):
        raise ValueError(
            f'{name}: the clips of a batch have {lengths} frames; they must be equally long: set '
            "ClipSample(border='reject') or 'repeat' in the training pipeline"
        )
