"""mmengine metrics of videos."""

# mmdet's own metrics must be registered before ours are looked up: see videoseg/registry.py.
import mmdet.evaluation  # noqa: F401

from videoseg.evaluation.metrics.j_and_f_metric import JAndFMetric
from videoseg.evaluation.metrics.pq_metric import PQMetric
from videoseg.evaluation.metrics.prediction_writer import PredictionWriter
from videoseg.evaluation.metrics.semantic_iou_metric import SemanticIoUMetric
from videoseg.evaluation.metrics.stq_metric import STQMetric
from videoseg.evaluation.metrics.video_ap_metric import VideoAPMetric
from videoseg.evaluation.metrics.video_consistency_metric import VideoConsistencyMetric
from videoseg.evaluation.metrics.video_metric import VideoMetric
from videoseg.evaluation.metrics.vpq_metric import VPQMetric

__all__ = [
    'JAndFMetric',
    'PQMetric',
    'PredictionWriter',
    'STQMetric',
    'SemanticIoUMetric',
    'VPQMetric',
    'VideoAPMetric',
    'VideoConsistencyMetric',
    'VideoMetric',
]
