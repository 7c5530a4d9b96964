"""Metrics as additive statistics of numpy arrays, free of torch: update per frame, merge over processes, compute."""

from videoseg.evaluation.functional.depth_errors import DepthErrors
from videoseg.evaluation.functional.depth_quality import DepthQuality, dstq
from videoseg.evaluation.functional.dvpq import DVPQ
from videoseg.evaluation.functional.frame_masks import FrameMasks, GTTrack, PredTrack
from videoseg.evaluation.functional.frame_set import FrameSet
from videoseg.evaluation.functional.j_and_f import JAndF
from videoseg.evaluation.functional.joint_histogram import JointHistogram, joint_histogram
from videoseg.evaluation.functional.pq import PQ
from videoseg.evaluation.functional.segment_numbering import SegmentNumbering
from videoseg.evaluation.functional.segment_table import SegmentTable
from videoseg.evaluation.functional.semantic_iou import SemanticIoU
from videoseg.evaluation.functional.stq import STQ
from videoseg.evaluation.functional.temporal_consistency import TemporalConsistency
from videoseg.evaluation.functional.track_score import occlusion_score, track_score
from videoseg.evaluation.functional.video_ap import VideoAP
from videoseg.evaluation.functional.video_consistency import VideoConsistency
from videoseg.evaluation.functional.video_statistics import VideoStatistics
from videoseg.evaluation.functional.vpq import VPQ

__all__ = [
    'DVPQ',
    'PQ',
    'STQ',
    'VPQ',
    'DepthErrors',
    'DepthQuality',
    'FrameMasks',
    'FrameSet',
    'GTTrack',
    'JAndF',
    'JointHistogram',
    'PredTrack',
    'SegmentNumbering',
    'SegmentTable',
    'SemanticIoU',
    'TemporalConsistency',
    'VideoAP',
    'VideoConsistency',
    'VideoStatistics',
    'dstq',
    'joint_histogram',
    'occlusion_score',
    'track_score',
]
