"""Cityscapes-DVPS: panoptic video with depth."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from videoseg.evaluation.benchmarks.base_benchmark import Statistics
from videoseg.evaluation.benchmarks.frame_errors import check_same_names, frame_errors
from videoseg.evaluation.benchmarks.panoptic_benchmark import PanopticBenchmark, parse_numbers
from videoseg.evaluation.formats import DVPS, ClassTable
from videoseg.evaluation.formats.dvps import DEPTH_SUFFIX
from videoseg.evaluation.functional.depth_errors import DepthErrors
from videoseg.evaluation.functional.depth_quality import DepthQuality, dstq
from videoseg.evaluation.functional.dvpq import DVPQ
from videoseg.evaluation.functional.joint_histogram import joint_histogram
from videoseg.evaluation.functional.video_statistics import VideoStatistics

THINGS = tuple(range(11, 19))
"""Train ids of person ... bicycle."""

Names = dict[str, dict[str, Path]]


class DVPSBenchmark(PanopticBenchmark):
    """A flat folder of ground truth against a folder with ``panoptic/`` and ``depth/``, see :class:`DVPS`.

    DVPQ and VPQ with the label-divisor rules over windows 1, 2, 3, 4; DVPQ is the mean over windows and depth
    thresholds (option ``depth_thresholds``, 0.5,0.25,0.1). DQ and DSTQ with the factors 1.25 and 1.1.

    Args:
        gt: Folder with ``..._gtFine_instanceTrainIds.png`` and ``..._depth.png``.
        pred: Folder with ``panoptic/`` and, for all but stq and vpq, ``depth/``.
        metrics: Some of dvpq, dq, dstq, depth, stq, vpq. Default dvpq, dq, dstq.
        windows: Window sizes. Default 1, 2, 3, 4.
        options: See :class:`PanopticBenchmark`; ``void_raw_id``, class of void in the files, 32; ``depth_thresholds``.
        classes: Json list of ``{id, name, isthing}``. Default: the 19 Cityscapes classes, 11 to 18 are things.
    """

    available = ('dvpq', 'dq', 'dstq', 'depth', 'stq', 'vpq')
    default_metrics = ('dvpq', 'dq', 'dstq')
    default_windows = (1, 2, 3, 4)
    default_options: ClassVar[Mapping[str, Any]] = {
        **PanopticBenchmark.default_options,
        'rules': 'label_divisor',
        'void_raw_id': 32,
        'depth_thresholds': '0.5,0.25,0.1',
    }

    def __init__(
        self,
        gt: str | Path,
        pred: str | Path,
        metrics: Sequence[str] | None = None,
        windows: Sequence[int] | None = None,
        options: Mapping[str, Any] | None = None,
        classes: str | Path | None = None,
    ) -> None:
        super().__init__(gt, pred, metrics, windows, options)
        self.thresholds = parse_numbers(self.options, 'depth_thresholds', float)
        self.table = ClassTable.from_file(classes) if classes else ClassTable.cityscapes(THINGS)
        self.files = DVPS(self.table.ids, self.options['void_raw_id'])
        self.gt_maps = DVPS.list_frames(self.gt)
        if not self.gt_maps:
            raise FileNotFoundError(f'{self.gt}: no <seq>_<frame>_..._gtFine_instanceTrainIds.png there')
        self.pred_maps = self._paired(DVPS.list_frames(self.pred / 'panoptic'), 'prediction')
        self.gt_depths, self.pred_depths = {}, {}
        if self.needs_depth:
            self.gt_depths = self._paired(DVPS.list_frames(self.gt, DEPTH_SUFFIX), 'depth of the ground truth')
            self.pred_depths = self._paired(DVPS.list_frames(self.pred / 'depth', DEPTH_SUFFIX), 'predicted depth')

    @property
    def needs_depth(self) -> bool:
        """Whether a metric needs depth."""
        return bool({'dvpq', 'dq', 'dstq', 'depth'} & set(self.metrics))

    def _paired(self, found: Names, what: str) -> Names:
        """Files of the same sequences and frames as the panoptic ground truth, checked."""
        check_same_names(list(self.gt_maps), list(found), f'{self.pred}: {what}: video')
        for video_id, frames in self.gt_maps.items():
            check_same_names(list(frames), list(found[video_id]), f'{self.pred}: {what}: video {video_id!r}, frame')
        return found

    @property
    def videos(self) -> Mapping[str, int]:
        """Sequence -> number of frames."""
        return {video_id: len(frames) for video_id, frames in self.gt_maps.items()}

    def build_statistics(self) -> Statistics:
        """Empty statistics; DSTQ brings STQ and DQ along."""
        names = [x for x in self.metrics if x != 'dstq']
        needed = names + [x for x in ('stq', 'dq') if 'dstq' in self.metrics and x not in names]
        return {name: self.make(name) for name in needed}

    def make(self, name: str) -> VideoStatistics:
        """Empty statistics of one metric."""
        if name == 'dvpq':
            return DVPQ(
                len(self.table),
                self.table.things,
                self.windows or self.default_windows,
                self.thresholds,
                self.rules,
                self.options['class_average'],
                min_overlap=self.options['min_overlap'],
            )
        if name == 'dq':
            return DepthQuality()
        return DepthErrors() if name == 'depth' else super().make(name)

    def score_video(self, video_id: str, statistics: Statistics) -> None:
        """Read one sequence."""
        for index, (name, path) in enumerate(self.gt_maps[video_id].items()):
            with frame_errors(video_id, name):
                gt = self.files.read_gt(path)
                pred = self.files.read_pred(self.pred_maps[video_id][name], gt.shape)
                if 'stq' in statistics or 'vpq' in statistics:
                    histogram = joint_histogram(gt, pred)
                    for metric in ('stq', 'vpq'):
                        if metric in statistics:
                            statistics[metric].update(video_id, index, histogram)
                if self.needs_depth:
                    gt_depth = DVPS.read_depth(self.gt_depths[video_id][name], gt.shape)
                    pred_depth = DVPS.read_depth(self.pred_depths[video_id][name], gt.shape)
                    if 'dvpq' in statistics:
                        statistics['dvpq'].update(video_id, index, gt, pred, gt_depth, pred_depth)
                    for metric in ('dq', 'depth'):
                        if metric in statistics:
                            statistics[metric].update(video_id, index, gt_depth, pred_depth)

    def combine(self, results: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Add DSTQ."""
        if 'dstq' in self.metrics:
            results = {**results, 'dstq': dstq(results['stq'], results['dq'])}
        return results
