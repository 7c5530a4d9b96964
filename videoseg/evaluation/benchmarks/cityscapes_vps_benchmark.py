"""Cityscapes-VPS."""

from collections.abc import Mapping
from typing import Any, ClassVar

from videoseg.evaluation.benchmarks.panoptic_json_benchmark import PanopticJsonBenchmark
from videoseg.evaluation.formats import read_cityscapes_vps_gt, read_cityscapes_vps_pred
from videoseg.evaluation.formats.cityscapes_vps import FRAMES_PER_VIDEO
from videoseg.evaluation.formats.panoptic_json import PanopticVideos


class CityscapesVPSBenchmark(PanopticJsonBenchmark):
    """``panoptic_gt_val_city_vps.json`` with ``val/panoptic_video/`` against ``pred.json`` with ``pan_pred/``.

    VPQ over windows of 1, 2, 3, 4 labelled frames, which papers write as 0, 5, 10, 15 (or 1, 5, 10, 15). Option
    ``frames_per_video``: labelled frames of a video, 6. See :class:`PanopticJsonBenchmark` for the arguments.
    """

    default_metrics = ('vpq',)
    default_windows = (1, 2, 3, 4)
    default_options: ClassVar[Mapping[str, Any]] = {
        **PanopticJsonBenchmark.default_options,
        'frames_per_video': FRAMES_PER_VIDEO,
    }

    def read_videos(self) -> tuple[PanopticVideos, PanopticVideos]:
        """Look the jsons up; predictions are paired by image id."""
        labels = self.table.labels
        gt = read_cityscapes_vps_gt(self.gt, self.gt_png, labels, self.options['frames_per_video'])
        names = {video_id: [x.name for x in frames] for video_id, frames in gt.items()}
        return gt, read_cityscapes_vps_pred(self.pred, names, self.pred_png, labels)
