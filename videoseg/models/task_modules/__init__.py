"""Targets, matching and costs."""

from videoseg.models.task_modules.frame_targets import FrameTargets, make_frame_targets
from videoseg.models.task_modules.kernel_assigner import KernelAssigner, Match
from videoseg.models.task_modules.kernel_dice_cost import KernelDiceCost
from videoseg.models.task_modules.kernel_mask_cost import KernelMaskCost
from videoseg.models.task_modules.tube_assigner import TubeAssigner
from videoseg.models.task_modules.tube_targets import check_clip_lengths, make_tube_targets

__all__ = [
    'FrameTargets',
    'KernelAssigner',
    'KernelDiceCost',
    'KernelMaskCost',
    'Match',
    'TubeAssigner',
    'check_clip_lengths',
    'make_frame_targets',
    'make_tube_targets',
]
