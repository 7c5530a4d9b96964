"""Benchmarks of jsons with ``segments_info`` and folders of PNGs."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from videoseg.evaluation.benchmarks.base_benchmark import Statistics
from videoseg.evaluation.benchmarks.frame_errors import check_same_names, frame_errors
from videoseg.evaluation.benchmarks.panoptic_benchmark import PanopticBenchmark
from videoseg.evaluation.formats import ClassTable
from videoseg.evaluation.formats.files import read_json
from videoseg.evaluation.formats.id_png import MAX_ID
from videoseg.evaluation.formats.panoptic_json import PanopticFrame, PanopticVideos
from videoseg.evaluation.functional import JointHistogram, SegmentNumbering, joint_histogram
from videoseg.structures.ids import DIVISOR, VOID_LABEL


class PanopticJsonBenchmark(PanopticBenchmark):
    """Ground truth and predictions as two jsons with their PNG folders.

    Options beside those of :class:`PanopticBenchmark`: ``instance_base`` (1; 0 as VIPSeg's STQ script has it, see
    :class:`SegmentNumbering`), ``gt_areas`` (``json`` as the official scripts have it, or ``counted`` from the map).

    Args:
        gt: Json of the ground truth.
        pred: Json of the predictions.
        metrics: Metrics.
        windows: Window sizes.
        options: Options.
        classes: Json list of ``{id, name, isthing}``. Default: ``categories`` of the ground truth.
        gt_png: Folder of the ground truth PNGs. Default: beside the json.
        pred_png: Folder of the predicted PNGs. Default: beside the json.
    """

    default_options: ClassVar[Mapping[str, Any]] = {
        **{key: value for key, value in PanopticBenchmark.default_options.items() if key != 'rules'},
        'instance_base': 1,
        'gt_areas': 'json',
    }

    def __init__(
        self,
        gt: str | Path,
        pred: str | Path,
        metrics: Sequence[str] | None = None,
        windows: Sequence[int] | None = None,
        options: Mapping[str, Any] | None = None,
        classes: str | Path | None = None,
        gt_png: str | Path | None = None,
        pred_png: str | Path | None = None,
    ) -> None:
        super().__init__(gt, pred, metrics, windows, options)
        if self.options['gt_areas'] not in ('json', 'counted'):
            raise ValueError(f"option gt_areas is {self.options['gt_areas']!r}, expected 'json' or 'counted'")
        SegmentNumbering(self.options['instance_base'])
        if classes is None:
            content = read_json(self.gt) if self.gt.is_file() else None
            if not isinstance(content, Mapping) or 'categories' not in content:
                raise ValueError(f'{self.gt}: is no json with categories; name a table of classes')
            self.table = ClassTable.from_entries(content['categories'], str(self.gt))
        else:
            self.table = ClassTable.from_file(classes)
        self.gt_png, self.pred_png = gt_png, pred_png
        self.gt_videos, self.pred_videos = self.read_videos()
        if not any(self.gt_videos.values()):
            raise ValueError(f'{self.gt}: no frames')
        self._pair()

    @abstractmethod
    def read_videos(self) -> tuple[PanopticVideos, PanopticVideos]:
        """Look the jsons up: ground truth and predictions."""

    def _pair(self) -> None:
        """Bring the predicted frames into the order of the ground truth, by name."""
        check_same_names(list(self.gt_videos), list(self.pred_videos), f'{self.pred}: video')
        for video_id, frames in self.gt_videos.items():
            by_name = {x.name: x for x in self.pred_videos[video_id]}
            names = [x.name for x in frames]
            check_same_names(names, list(by_name), f'{self.pred}: video {video_id!r}, frame')
            self.pred_videos[video_id] = [by_name[name] for name in names]

    @property
    def videos(self) -> Mapping[str, int]:
        """Video id -> number of frames."""
        return {video_id: len(frames) for video_id, frames in self.gt_videos.items()}

    def score_video(self, video_id: str, statistics: Statistics) -> None:
        """Read one video; every PNG is decoded once, and the few ids of its histograms are translated."""
        numbers = [SegmentNumbering(self.options['instance_base']) for _ in range(2)]
        frames = zip(self.gt_videos[video_id], self.pred_videos[video_id], strict=True)
        for index, (gt, pred) in enumerate(frames):
            with frame_errors(video_id, gt.name):
                gt_map = gt.read_ids()
                pred_map = pred.read_ids(gt_map.shape)
                histogram = joint_histogram(gt_map, pred_map)
                check_segments(histogram.gt_ids, gt, 'ground truth')
                check_segments(histogram.pred_ids, pred, 'prediction')
                gt_segments = gt.segments
                if self.options['gt_areas'] == 'counted':
                    gt_segments = [{k: v for k, v in x.items() if k != 'area'} for x in gt_segments]
                for metric in ('vpq', 'pq'):
                    if metric in statistics:
                        statistics[metric].update(video_id, index, histogram, gt_segments, pred.segments)
                if 'stq' in statistics or 'vss' in statistics:
                    ids = panoptic_ids(histogram, gt_segments, pred.segments, *numbers)
                    self.count_ids(video_id, index, ids, statistics)
                if 'vc' in statistics:
                    labels = self._labels(gt_map, gt), self._labels(pred_map, pred)
                    statistics['vc'].update(video_id, index, *labels)

    @cached_property
    def _label_of(self) -> np.ndarray:
        return np.full(MAX_ID + 1, VOID_LABEL, np.uint8)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != '_label_of'}

    def _labels(self, ids: np.ndarray, frame: PanopticFrame) -> np.ndarray:
        """(H, W) labels of a map of segment ids; void is 255."""
        table, known = self._label_of, [x['id'] for x in frame.segments]
        table[known] = [x['category_id'] for x in frame.segments]
        labels = table[ids]
        table[known] = VOID_LABEL
        return labels


def check_segments(counted_ids: np.ndarray, frame: PanopticFrame, what: str) -> None:
    """Map and json must have the same segments.

    Raises:
        ValueError: Naming the file and the ids that only one of them has.
    """
    in_map, in_json = set(counted_ids.tolist()) - {0}, {x['id'] for x in frame.segments}
    if lost := sorted(in_map - in_json):
        raise ValueError(f'{what} {frame.path}: segment ids {lost[:5]} are in the PNG but not in the json')
    if lost := sorted(in_json - in_map):
        raise ValueError(f'{what} {frame.path}: segment ids {lost[:5]} are in the json but not in the PNG')


def panoptic_ids(
    histogram: JointHistogram,
    gt_segments: Sequence[Mapping[str, Any]],
    pred_segments: Sequence[Mapping[str, Any]],
    gt_numbers: SegmentNumbering,
    pred_numbers: SegmentNumbering,
) -> JointHistogram:
    """The histogram of panoptic ids that a histogram of segment ids means; crowd gets instance 0."""
    gt_ids = gt_numbers.encode(histogram.gt_ids, gt_segments)
    pred_ids = pred_numbers.encode(histogram.pred_ids, pred_segments)
    crowd = [x['id'] for x in gt_segments if x.get('iscrowd')]
    if crowd:
        is_crowd = np.isin(histogram.gt_ids, crowd)
        gt_ids[is_crowd] -= gt_ids[is_crowd] % DIVISOR
        return JointHistogram.sum([histogram.relabel(gt_ids, pred_ids)])
    return histogram.relabel(gt_ids, pred_ids)
