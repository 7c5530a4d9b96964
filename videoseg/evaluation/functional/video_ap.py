"""Average precision and recall of video instance segmentation (Yang et al., Video Instance Segmentation, ICCV 2019)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from videoseg.evaluation.functional.frame_masks import FrameMasks, GTTrack, PredTrack
from videoseg.evaluation.functional.frame_set import FrameSet
from videoseg.evaluation.functional.precision_recall import RECALL_POINTS, average_precision
from videoseg.evaluation.functional.track_matching import (
    AREA_RANGES,
    IOU_THRESHOLDS,
    MAX_DETECTIONS,
    OCCLUSION_RANGES,
    ClassTracks,
    Matches,
    match_tracks,
)
from videoseg.evaluation.functional.tube_overlaps import TubeOverlaps
from videoseg.evaluation.functional.video_statistics import VideoStatistics


@dataclass
class APVideo:
    """One video: pixel counts of its tracks while it runs, then what is needed to match them."""

    frames: FrameSet = field(default_factory=FrameSet)
    overlaps: TubeOverlaps | None = field(default_factory=TubeOverlaps)
    classes: dict[int, ClassTracks] = field(default_factory=dict)
    num_frames: int = 0

    @property
    def finished(self) -> bool:
        """Whether its tracks are known."""
        return self.overlaps is None


class VideoAP(VideoStatistics[APVideo]):
    """AP and AR of tracks (``specs/evaluators.md`` section 7; YouTube-VIS' and OVIS' evaluators).

    COCO's AP with the IoU of whole tracks: pixels shared in all frames over pixels of either in all frames. Masks are
    given frame by frame and not kept (:meth:`update`), labels and scores at the end of a video (:meth:`finish_video`).
    A prediction that ends early is empty in the remaining frames.

    ``tube_IoU`` stands beside them (no official evaluator has it): the mean over ground truth tracks, all classes
    together, of the highest IoU that any prediction of the track's class has with it, whatever its score. It is 0 for a
    track whose class was not predicted; the same predictions count as for AP, crowd does not. It moves long before AP
    does, which is 0 as long as no IoU reaches 0.5.

    Equal scores of different videos are ranked by video id: ids that are whole numbers come first, in numerical order
    (``'2'`` before ``'10'``), then others in alphabetical order. Official evaluators sort the integer ids of the json,
    so these are the ids to give. Within a video the order of the tracks given decides.

    Args:
        num_classes: Number of classes; labels are 0 ... num_classes - 1.
        occlusion: ``'ovis'`` adds AP_light, AP_medium and AP_heavy by :attr:`GTTrack.occlusion`. Default ``'none'``.
        area_source: Where the areas for APs, APm and APl come from. ``'mask'``: from the ground truth masks.
            ``'json'`` (official) and ``'box'`` (mmdet's YouTubeVISMetric): :attr:`GTTrack.area`, which the caller took
            from the ``areas`` or the ``bboxes`` of the json; from the masks where it is None. Default ``'json'``.
        gt_id_zero: ``'unmatched'``: a ground truth track with id 0 can be found, but is never counted as found, as in
            the official evaluators, which use 0 for "no match". Default ``'valid'``.

    Raises:
        ValueError: If an option has an impossible value.
    """

    prefix = 'ap'

    def __init__(
        self,
        num_classes: int,
        occlusion: Literal['none', 'ovis'] = 'none',
        area_source: Literal['json', 'box', 'mask'] = 'json',
        gt_id_zero: Literal['valid', 'unmatched'] = 'valid',
    ) -> None:
        super().__init__()
        for name, value, known in (
            ('occlusion', occlusion, ('none', 'ovis')),
            ('area_source', area_source, ('json', 'box', 'mask')),
            ('gt_id_zero', gt_id_zero, ('valid', 'unmatched')),
        ):
            if value not in known:
                raise ValueError(f'{name} is {value!r}, expected one of {", ".join(known)}')
        if num_classes < 1:
            raise ValueError(f'num_classes is {num_classes}, expected at least 1')
        self.num_classes = num_classes
        self.occlusion = occlusion
        self.area_source = area_source
        self.gt_id_zero = gt_id_zero
        self.ranges = (*AREA_RANGES, *(OCCLUSION_RANGES if occlusion == 'ovis' else ()))

    @property
    def names(self) -> tuple[str, ...]:
        """AP, AP50, AP75, APs, APm, APl, AR1, AR10, AR100, tube_IoU, with OVIS AP_light, AP_medium, AP_heavy."""
        names = ('AP', 'AP50', 'AP75', 'APs', 'APm', 'APl', 'AR1', 'AR10', 'AR100', 'tube_IoU')
        return names + tuple(f'AP{x.name}' for x in self.ranges[len(AREA_RANGES) :])

    @property
    def protocol(self) -> dict[str, Any]:
        """Every option that decides a number."""
        return {
            'metric': 'VideoAP',
            'num_classes': self.num_classes,
            'iou_thresholds': [float(x) for x in IOU_THRESHOLDS.round(2)],
            'recall_points': len(RECALL_POINTS),
            'max_detections': MAX_DETECTIONS,
            'occlusion': self.occlusion,
            'area_source': self.area_source,
            'gt_id_zero': self.gt_id_zero,
        }

    def update(self, video_id: str, frame_id: int, gt: FrameMasks, pred: FrameMasks) -> bool:
        """Add a frame.

        Args:
            video_id: Name of the video; see the class for what it means to ties.
            frame_id: Number of the frame; any order.
            gt: Ground truth masks visible in the frame.
            pred: Predicted masks visible in the frame.

        Returns:
            Whether the frame is new; one that was counted before is ignored.

        Raises:
            ValueError: If masks differ in size, or the video was finished without this frame.
        """
        video = self.videos.setdefault(video_id, APVideo())
        if frame_id in video.frames:
            return False
        where = f'video {video_id!r}, frame {frame_id}'
        if video.finished:
            raise ValueError(f'{where}: the video was finished before this frame came')
        try:
            video.overlaps.add(gt, pred)
        except ValueError as error:
            raise ValueError(f'{where}: {error}') from error
        video.frames.add(frame_id)
        return True

    def finish_video(self, video_id: str, gt: Sequence[GTTrack], pred: Sequence[PredTrack], num_frames: int) -> bool:
        """Say what the tracks of a video are; its masks must have been given.

        Args:
            video_id: Name of the video.
            gt: Ground truth tracks, all that had masks; others were never visible.
            pred: Predicted tracks. Masks that no track names are not scored.
            num_frames: Number of frames of the video.

        Returns:
            Whether the video is new; one that was finished before is ignored.

        Raises:
            ValueError: If ids are not distinct, a label does not exist, a score is not finite, ground truth masks
                have no track, or more frames came than the video has.
        """
        video = self.videos.setdefault(video_id, APVideo())
        if video.finished:
            return False
        self._check(video_id, video, gt, pred, num_frames)
        for label in sorted({x.label for x in (*gt, *pred)}):
            video.classes[label] = self._class_tracks(
                video.overlaps, [x for x in gt if x.label == label], [x for x in pred if x.label == label]
            )
        video.overlaps, video.num_frames = None, num_frames
        return True

    def compute(self) -> dict[str, Any]:
        """The numbers.

        Returns:
            As in the base class, and besides :attr:`names` the recalls ``ARs``, ``ARm``, ``ARl`` (OVIS: ``AR_light``,
            ``AR_medium``, ``AR_heavy``) everywhere; ``per_class`` also has ``num_gt``. A class without ground truth in
            the range is NaN and not part of the mean; a mean over no class is NaN. ``tube_IoU`` is the mean over
            tracks, not over classes. Per video, only its own tracks count.

        Raises:
            ValueError: If a video was not finished.
        """
        if unfinished := [name for name, video in self.videos.items() if not video.finished]:
            raise ValueError(f'videos {unfinished[:5]} have frames but no tracks: call finish_video for each video')
        parts: dict[int, list[Matches]] = {}
        per_video = {}
        for video_id in sorted(self.videos, key=_video_order):
            video = self.videos[video_id]
            matches = {label: match_tracks(tracks, self.ranges) for label, tracks in video.classes.items()}
            per_video[video_id] = self._mean(list(matches.values()))
            per_video[video_id]['num_frames'] = video.num_frames
            for label, x in matches.items():
                parts.setdefault(label, []).append(x)
        classes = {label: Matches.join(x) for label, x in parts.items()}
        columns = {x: np.full(self.num_classes, np.nan) for x in self._all_names}
        for label, matches in classes.items():
            for name, value in self._scores(matches).items():
                columns[name][label] = value
        num_gt = np.zeros(self.num_classes, np.int64)
        for label, x in parts.items():
            num_gt[label] = sum(y.num_gt[0] for y in x)
        return {
            **self._mean(list(classes.values())),
            'num_frames': sum(x.num_frames for x in self.videos.values()),
            'per_class': {**columns, 'num_gt': num_gt},
            'per_video': per_video,
            'protocol': self.protocol,
        }

    def _join(self, video_id: str, mine: APVideo, theirs: APVideo) -> APVideo:
        raise ValueError(
            f'video {video_id!r}: two processes saw different frames, {mine.frames} and {theirs.frames}; tracks are '
            'scored as a whole, use a sampler that hands whole videos to a process'
        )

    def _check(
        self, video_id: str, video: APVideo, gt: Sequence[GTTrack], pred: Sequence[PredTrack], num_frames: int
    ) -> None:
        where = f'video {video_id!r}'
        for tracks, what in ((gt, 'ground truth'), (pred, 'predicted')):
            ids = [x.id for x in tracks]
            if len(set(ids)) != len(ids):
                twice = sorted({x for x in ids if ids.count(x) > 1})
                raise ValueError(f'{where}: {what} track ids {twice[:5]} occur twice')
            for x in tracks:
                if not 0 <= x.label < self.num_classes:
                    raise ValueError(
                        f'{where}: {what} track {x.id} has label {x.label}, expected one in [0, {self.num_classes})'
                    )
        for x in pred:
            if not math.isfinite(x.score):
                raise ValueError(f'{where}: predicted track {x.id} has score {x.score}, expected a finite number')
        if lost := sorted(set(video.overlaps.gt.index) - {x.id for x in gt}):
            raise ValueError(f'{where}: ground truth masks with ids {lost[:5]} belong to no track')
        if len(video.frames) > num_frames:
            raise ValueError(f'{where}: {len(video.frames)} frames came, but it has {num_frames}')

    def _class_tracks(self, overlaps: TubeOverlaps, gt: list[GTTrack], pred: list[PredTrack]) -> ClassTracks:
        order = np.argsort([-x.score for x in pred], kind='stable')[:MAX_DETECTIONS]
        pred = [pred[i] for i in order]
        gt_ids, pred_ids = [x.id for x in gt], [x.masks for x in pred]
        gt_areas = overlaps.gt.mean(gt_ids)
        if self.area_source != 'mask':
            gt_areas = np.array([y if x.area is None else x.area for x, y in zip(gt, gt_areas, strict=True)], float)
        return ClassTracks(
            scores=np.array([x.score for x in pred], np.float64),
            pred_areas=overlaps.pred.mean(pred_ids),
            ious=overlaps.ious(gt_ids, pred_ids),
            gt_areas=gt_areas,
            gt_occlusion=np.array([np.nan if x.occlusion is None else x.occlusion for x in gt], np.float64),
            crowd=np.array([x.is_crowd for x in gt], bool),
            matchable=np.array([x.id != 0 or self.gt_id_zero == 'valid' for x in gt], bool),
        )

    @property
    def _all_names(self) -> tuple[str, ...]:
        return self.names + tuple(f'AR{x.name}' for x in self.ranges[1:])

    def _scores(self, matches: Matches) -> dict[str, float]:
        """The numbers of one class, NaN where there is no ground truth."""
        ap, recall = [], []
        for hits, misses, num_gt in zip(matches.hits, matches.misses, matches.num_gt.tolist(), strict=True):
            ap.append(average_precision(hits, misses, num_gt))
            recall.append(hits.sum() / (num_gt * len(hits)) if num_gt else math.nan)
        scores = {'AP': ap[0].mean(), 'AP50': ap[0][0], 'AP75': ap[0][5]}
        for limit in (1, 10):
            hits = matches.hits[0][:, matches.ranks < limit]
            scores[f'AR{limit}'] = hits.sum() / (matches.num_gt[0] * len(hits)) if matches.num_gt[0] else math.nan
        scores['AR100'] = recall[0]
        scores['tube_IoU'] = matches.best_ious.mean() if len(matches.best_ious) else math.nan
        for x, precision, found in zip(self.ranges[1:], ap[1:], recall[1:], strict=True):
            scores[f'AP{x.name}'] = precision.mean()
            scores[f'AR{x.name}'] = found
        return {name: float(scores[name]) for name in self._all_names}

    def _mean(self, classes: list[Matches]) -> dict[str, float]:
        """Mean over classes that have ground truth, NaN without any; of the tube IoU over their tracks."""
        scores, result = [self._scores(x) for x in classes], {}
        for name in self._all_names:
            values = [x[name] for x in scores if not math.isnan(x[name])]
            result[name] = float(np.mean(values)) if values else math.nan
        if not math.isnan(result['tube_IoU']):
            result['tube_IoU'] = float(np.concatenate([x.best_ious for x in classes]).mean())
        return result


def _video_order(video_id: str) -> tuple[bool, int, str]:
    """Whole numbers by value, before anything else."""
    is_number = video_id.isascii() and video_id.isdigit()
    return not is_number, int(video_id) if is_number else 0, video_id
