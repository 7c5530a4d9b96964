"""Targets, matching and costs."""

from videoseg.models.task_modules.analog_bit_codec import AnalogBitCodec
from videoseg.models.task_modules.bit_sampler import BitSampler
from videoseg.models.task_modules.frame_targets import FrameTargets, make_frame_targets
from videoseg.models.task_modules.gamma_schedule import GammaSchedule
from videoseg.models.task_modules.kernel_assigner import KernelAssigner, Match
from videoseg.models.task_modules.kernel_dice_cost import KernelDiceCost
from videoseg.models.task_modules.kernel_mask_cost import KernelMaskCost
from videoseg.models.task_modules.map_targets import MapTargets, draw_id_codes, make_map_targets
from videoseg.models.task_modules.mask_corruption import MaskCorruption
from videoseg.models.task_modules.segment_decoder import SegmentDecoder
from videoseg.models.task_modules.track_id_allocator import TrackIdAllocator
from videoseg.models.task_modules.tube_assigner import TubeAssigner
from videoseg.models.task_modules.tube_targets import check_clip_lengths, make_tube_targets

__all__ = [
    'AnalogBitCodec',
    'BitSampler',
    'FrameTargets',
    'GammaSchedule',
    'KernelAssigner',
    'KernelDiceCost',
    'KernelMaskCost',
    'MapTargets',
    'MaskCorruption',
    'Match',
    'SegmentDecoder',
    'TrackIdAllocator',
    'TubeAssigner',
    'check_clip_lengths',
    'draw_id_codes',
    'make_frame_targets',
    'make_map_targets',
    'make_tube_targets',
]
