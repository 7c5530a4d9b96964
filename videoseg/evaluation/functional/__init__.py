"""Metrics as additive statistics of numpy arrays, free of torch: update per frame, merge over processes, compute."""

from videoseg.evaluation.functional.depth_errors import DepthErrors
from videoseg.evaluation.functional.depth_quality import DepthQuality, dstq
from videoseg.evaluation.functional.dvpq import DVPQ
from videoseg.evaluation.functional.frame_set import FrameSet
from videoseg.evaluation.functional.joint_histogram import JointHistogram, joint_histogram
from videoseg.evaluation.functional.pq import PQ
from videoseg.evaluation.functional.segment_numbering import SegmentNumbering
from videoseg.evaluation.functional.segment_table import SegmentTable
from videoseg.evaluation.functional.stq import STQ
from videoseg.evaluation.functional.video_statistics import VideoStatistics
from videoseg.evaluation.functional.vpq import VPQ

__all__ = [
    'DVPQ',
    'PQ',
    'STQ',
    'VPQ',
    'DepthErrors',
    'DepthQuality',
    'FrameSet',
    'JointHistogram',
    'SegmentNumbering',
    'SegmentTable',
    'VideoStatistics',
    'dstq',
    'joint_histogram',
]
