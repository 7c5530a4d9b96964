"""mmengine metrics of videos."""

# mmdet's own metrics must be registered before ours are looked up: see videoseg/registry.py.
import mmdet.evaluation  # noqa: F401

from videoseg.evaluation.metrics.stq_metric import STQMetric
from videoseg.evaluation.metrics.video_metric import VideoMetric
from videoseg.evaluation.metrics.vpq_metric import VPQMetric

__all__ = ['STQMetric', 'VPQMetric', 'VideoMetric']
