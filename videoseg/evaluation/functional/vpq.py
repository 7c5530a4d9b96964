"""Video panoptic quality (Kim et al., Video Panoptic Segmentation, CVPR 2020), streaming."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from videoseg.evaluation.functional.frame_set import FrameSet
from videoseg.evaluation.functional.joint_histogram import JointHistogram
from videoseg.evaluation.functional.segment_table import SegmentTable
from videoseg.evaluation.functional.tube_matching import (
    FN,
    FP,
    IOU,
    TP,
    VOID,
    VOID_EXCUSE_ONLY,
    FrameSegments,
    match_tubes,
)
from videoseg.evaluation.functional.video_statistics import VideoStatistics, check_classes
from videoseg.structures.ids import DIVISOR, VOID_LABEL

SegmentsInfo = Sequence[Mapping[str, Any]]


@dataclass
class VPQVideo:
    """One video: counts of all its windows, and the last frames that later windows still need.

    Attributes:
        counts: (sizes, K, 4) sum of IoU, true positives, false positives, false negatives.
        num_windows: (sizes,).
        recent: The last ``max(windows) - 1`` frames.
    """

    counts: np.ndarray
    num_windows: np.ndarray
    recent: deque[FrameSegments]
    frames: FrameSet = field(default_factory=FrameSet)


class VPQ(VideoStatistics[VPQVideo]):
    """VPQ over all window sizes in one pass (``specs/evaluators.md`` sections 3 and 4).

    Memory holds ``max(windows) - 1`` frame histograms a video, whatever its length. Predicted pixels of a thing class
    with instance 0 (untracked) are one ordinary tube of that class.

    Args:
        num_classes: K; labels are 0 ... K - 1.
        things: Labels of the thing classes.
        windows: Window sizes k in (labelled) frames. Default 1, 2, 4, 6.
        rules: ``'json'`` (Cityscapes-VPS, VIPSeg): crowd is ignored and excuses predictions of its class, void leaves
            the union. ``'label_divisor'`` (ViP-DeepLab, Video-K-Net): there is no crowd, and only void with
            instance 0 leaves the union. Default ``'json'``.
        class_average: ``'present'``: classes with a match or a miss; ``'all'``: every class, an absent one counts 0
            (Video-K-Net's script). Default ``'present'``.
        ignore_label: Class of void pixels in both maps. Default 255.
        min_overlap: IoU above which tubes match, at least 0.5. Default 0.5.
        last_crowd_only: With several crowd segments of a class, only the last excuses predictions, as in
            panopticapi. Default False: all of them do.
        divisor: Ids are ``label * divisor + instance``. Default that of :mod:`videoseg.structures.ids`.

    Raises:
        ValueError: If an option has an impossible value.
    """

    def __init__(
        self,
        num_classes: int,
        things: Sequence[int],
        windows: Sequence[int] = (1, 2, 4, 6),
        rules: Literal['json', 'label_divisor'] = 'json',
        class_average: Literal['present', 'all'] = 'present',
        ignore_label: int = VOID_LABEL,
        min_overlap: float = 0.5,
        last_crowd_only: bool = False,
        divisor: int = DIVISOR,
    ) -> None:
        super().__init__()
        if rules not in ('json', 'label_divisor'):
            raise ValueError(f"rules is {rules!r}, expected 'json' or 'label_divisor'")
        if class_average not in ('present', 'all'):
            raise ValueError(f"class_average is {class_average!r}, expected 'present' or 'all'")
        if not windows or min(windows) < 1 or len(set(windows)) != len(windows):
            raise ValueError(f'windows is {tuple(windows)}, expected distinct sizes of at least 1')
        if not 0.5 <= min_overlap < 1:
            raise ValueError(f'min_overlap is {min_overlap}; below 0.5 a tube could match twice, 1 matches nothing')
        if bad := [x for x in things if not 0 <= x < num_classes]:
            raise ValueError(f'things {bad} are not among the {num_classes} classes')
        self.num_classes = num_classes
        self.things = tuple(int(x) for x in things)
        self.windows = tuple(int(k) for k in windows)
        self.rules = rules
        self.class_average = class_average
        self.ignore_label = ignore_label
        self.min_overlap = min_overlap
        self.last_crowd_only = last_crowd_only
        self.divisor = divisor

    @property
    def protocol(self) -> dict[str, Any]:
        """Every option that decides a number."""
        return {
            'metric': 'VPQ',
            'num_classes': self.num_classes,
            'things': list(self.things),
            'windows': list(self.windows),
            'rules': self.rules,
            'class_average': self.class_average,
            'ignore_label': self.ignore_label,
            'min_overlap': self.min_overlap,
            'last_crowd_only': self.last_crowd_only,
            'divisor': self.divisor,
        }

    def update(
        self,
        video_id: str,
        frame_id: int,
        histogram: JointHistogram,
        gt_segments: SegmentsInfo | None = None,
        pred_segments: SegmentsInfo | None = None,
    ) -> bool:
        """Add the next frame of a video.

        Args:
            video_id: Name of the video.
            frame_id: Number of the frame; rising, gaps are allowed (sparse labels).
            histogram: Joint histogram of the ids.
            gt_segments: The frame's ``segments_info`` if ids are those of a COCO panoptic json (0 = void, classes
                from there); None for panoptic ids ``label * divisor + instance``. Both or neither.
            pred_segments: The same of the prediction.

        Returns:
            Whether the frame is new; one that was counted before is ignored.

        Raises:
            ValueError: If a frame comes late, a class does not exist, or map and json disagree.
        """
        video = self.videos.get(video_id)
        if video is None:
            shape = (len(self.windows), self.num_classes, 4)
            video = VPQVideo(np.zeros(shape), np.zeros(shape[0], np.int64), deque(maxlen=max(self.windows) - 1))
            self.videos[video_id] = video
        if frame_id in video.frames:
            return False
        where = f'video {video_id!r}, frame {frame_id}'
        if frame_id < video.frames.last:
            raise ValueError(f'{where} comes after frame {video.frames.last}: give the frames of a video in time order')
        if (gt_segments is None) != (pred_segments is None):
            raise ValueError(f'{where}: give gt_segments and pred_segments, or neither')
        if gt_segments is None:
            frame = self._frame_from_ids(histogram, where)
        else:
            frame = self._frame_from_json(histogram, gt_segments, pred_segments, where)
        video.frames.add(frame_id)
        frames = [*video.recent, frame]
        for row, size in enumerate(self.windows):
            if len(frames) >= size:
                window = FrameSegments.over_time(frames[len(frames) - size :])
                video.counts[row] += match_tubes(window, self.num_classes, self.min_overlap, self.last_crowd_only)
                video.num_windows[row] += 1
        video.recent.append(frame)
        return True

    def _frame_from_ids(self, histogram: JointHistogram, where: str) -> FrameSegments:
        """Segments of panoptic ids."""

        def table(ids: np.ndarray, areas: np.ndarray, is_gt: bool) -> SegmentTable:
            labels = ids // self.divisor
            check_classes(
                labels, self.num_classes, self.ignore_label, f'{where}, {"ground truth" if is_gt else "prediction"}'
            )
            keep = labels != self.ignore_label
            ids, labels = ids[keep], labels[keep]
            has_crowd = is_gt and self.rules == 'json'
            is_crowd = np.isin(labels, self.things) & (ids % self.divisor == 0) & has_crowd
            return SegmentTable(ids, labels, areas[keep], is_crowd)

        gt, pred = table(*histogram.gt_areas(), True), table(*histogram.pred_areas(), False)
        pairs = histogram.select(histogram.pred_ids // self.divisor != self.ignore_label)
        gt_ids = pairs.gt_ids.copy()
        is_void = gt_ids // self.divisor == self.ignore_label
        leaves_union = is_void if self.rules == 'json' else gt_ids == self.ignore_label * self.divisor
        gt_ids[is_void] = VOID_EXCUSE_ONLY
        gt_ids[leaves_union] = VOID
        return FrameSegments(gt, pred, JointHistogram.sum([JointHistogram(gt_ids, pairs.pred_ids, pairs.counts)]))

    def _frame_from_json(
        self, histogram: JointHistogram, gt_segments: SegmentsInfo, pred_segments: SegmentsInfo, where: str
    ) -> FrameSegments:
        """Segments of a COCO panoptic json. Predicted areas are always counted."""
        pred_segments = [{'id': x['id'], 'category_id': x['category_id']} for x in pred_segments]
        gt = SegmentTable.from_infos(gt_segments, *histogram.gt_areas(), f'{where}, ground truth')
        pred = SegmentTable.from_infos(pred_segments, *histogram.pred_areas(), f'{where}, prediction')
        for name, table in (('ground truth', gt), ('prediction', pred)):
            check_classes(table.labels, self.num_classes, -1, f'{where}, {name}')
        pairs = histogram.select(histogram.pred_ids != 0)
        gt_ids = np.where(pairs.gt_ids == 0, VOID, pairs.gt_ids)
        return FrameSegments(gt, pred, JointHistogram(gt_ids, pairs.pred_ids, pairs.counts))

    def _join(self, video_id: str, mine: VPQVideo, theirs: VPQVideo) -> VPQVideo:
        raise ValueError(
            f'video {video_id!r}: frames were split over processes ({mine.frames} and {theirs.frames}), so windows '
            'across the border are lost; use a sampler that hands whole videos to a process'
        )

    def compute(self) -> dict[str, Any]:
        """The numbers.

        Returns:
            ``VPQ``, ``VPQ_thing``, ``VPQ_stuff`` in [0, 1]: means over the window sizes for which there is a number;
            ``per_window`` size -> ``all``/``thing``/``stuff`` with ``PQ, SQ, RQ`` (NaN without a class) and
            ``num_classes``, ``num_windows``, and ``per_class`` with ``PQ, SQ, RQ, IoU_sum, TP, FP, FN`` of length K;
            ``per_video`` video -> ``VPQ...``, ``VPQ_<k>``, ``num_frames``; ``protocol``.
        """
        videos = [self.videos[x] for x in sorted(self.videos)]
        counts = sum((v.counts for v in videos), np.zeros((len(self.windows), self.num_classes, 4)))
        num_windows = sum((v.num_windows for v in videos), np.zeros(len(self.windows), np.int64))
        per_window = {
            size: self._window_scores(counts[row], int(num_windows[row])) for row, size in enumerate(self.windows)
        }
        per_video = {}
        for video_id, video in sorted(self.videos.items()):
            scores = {
                size: self._window_scores(video.counts[row], int(video.num_windows[row]))
                for row, size in enumerate(self.windows)
            }
            per_video[video_id] = {
                **_mean_over_windows(scores),
                **{f'VPQ_{size}': scores[size]['all']['PQ'] for size in self.windows},
                'num_frames': len(video.frames),
            }
        return {
            **_mean_over_windows(per_window),
            'num_frames': sum(len(v.frames) for v in videos),
            'per_window': per_window,
            'per_video': per_video,
            'protocol': self.protocol,
        }

    def _window_scores(self, counts: np.ndarray, num_windows: int) -> dict[str, Any]:
        """Scores of one window size from its counts (K, 4)."""
        iou, tp, fp, fn = (counts[:, column] for column in (IOU, TP, FP, FN))
        found = tp + fp / 2 + fn / 2
        classes = {
            'PQ': np.divide(iou, found, out=np.zeros_like(iou), where=found > 0),
            'SQ': np.divide(iou, tp, out=np.zeros_like(iou), where=tp > 0),
            'RQ': np.divide(tp, found, out=np.zeros_like(iou), where=found > 0),
        }
        averaged = found > 0 if self.class_average == 'present' else np.full(self.num_classes, num_windows > 0)
        is_thing = np.isin(np.arange(self.num_classes), self.things)
        scores: dict[str, Any] = {}
        for name, group in (('all', averaged), ('thing', averaged & is_thing), ('stuff', averaged & ~is_thing)):
            scores[name] = {
                key: float(values[group].mean()) if group.any() else float('nan') for key, values in classes.items()
            }
            scores[name]['num_classes'] = int(group.sum())
        scores['num_windows'] = num_windows
        per_class = {key: np.where(found > 0, values, np.nan) for key, values in classes.items()}
        scores['per_class'] = {**per_class, 'IoU_sum': iou, 'TP': tp, 'FP': fp, 'FN': fn}
        return scores


def _mean_over_windows(per_window: dict[int, dict[str, Any]]) -> dict[str, float]:
    result = {}
    for key, group in (('VPQ', 'all'), ('VPQ_thing', 'thing'), ('VPQ_stuff', 'stuff')):
        values = [x[group]['PQ'] for x in per_window.values()]
        values = [x for x in values if not np.isnan(x)]
        result[key] = float(np.mean(values)) if values else float('nan')
    return result
