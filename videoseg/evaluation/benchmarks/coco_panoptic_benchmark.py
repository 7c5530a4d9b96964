"""COCO panoptic images (COCO, Cityscapes, and what else uses that format)."""

from videoseg.evaluation.benchmarks.panoptic_json_benchmark import PanopticJsonBenchmark
from videoseg.evaluation.formats import read_coco_panoptic
from videoseg.evaluation.formats.panoptic_json import PanopticVideos


class CocoPanopticBenchmark(PanopticJsonBenchmark):
    """Two jsons, each with the folder of its name (or ``pan_pred``) beside it; every image is a video of one frame.

    See :class:`PanopticJsonBenchmark` for the arguments.
    """

    available = ('pq', 'vss')
    default_metrics = ('pq',)

    def read_videos(self) -> tuple[PanopticVideos, PanopticVideos]:
        """Look the jsons up."""
        return tuple(
            read_coco_panoptic(path, png, self.table.labels)
            for path, png in ((self.gt, self.gt_png), (self.pred, self.pred_png))
        )
