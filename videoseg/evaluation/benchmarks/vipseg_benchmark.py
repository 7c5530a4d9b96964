"""VIPSeg."""

from videoseg.evaluation.benchmarks.panoptic_json_benchmark import PanopticJsonBenchmark
from videoseg.evaluation.formats import read_vipseg
from videoseg.evaluation.formats.panoptic_json import PanopticVideos


class VIPSegBenchmark(PanopticJsonBenchmark):
    """``panoptic_gt_VIPSeg_val.json`` with ``panomasksRGB/`` against ``pred.json`` with ``pan_pred/``.

    STQ with instances from 1, VPQ over windows 1, 2, 4, 6. See :class:`PanopticJsonBenchmark` for the arguments.
    """

    def read_videos(self) -> tuple[PanopticVideos, PanopticVideos]:
        """Look the jsons up; a PNG that the json of the predictions lacks is an error."""
        gt = read_vipseg(self.gt, self.gt_png, self.table.labels)
        pred = read_vipseg(self.pred, self.pred_png, self.table.labels)
        for video_id, frames in pred.items():
            known = {frame.path.name for frame in frames}
            folder = frames[0].path.parent if frames else None
            surplus = sorted(x.name for x in folder.glob('*.png') if x.name not in known) if folder else []
            if surplus:
                raise ValueError(f'{folder}: video {video_id!r}, frame {surplus[0]!r} is not in {self.pred}')
        return gt, pred
