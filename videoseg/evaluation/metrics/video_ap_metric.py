"""Video AP as an mmengine metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from torch import Tensor

from videoseg.evaluation.functional.frame_masks import FrameMasks, GTTrack
from videoseg.evaluation.functional.track_score import occlusion_score
from videoseg.evaluation.functional.video_ap import VideoAP
from videoseg.evaluation.functional.video_statistics import VideoStatistics
from videoseg.evaluation.metrics.frame_view import FrameView
from videoseg.evaluation.metrics.track_rows import best_tracks
from videoseg.evaluation.metrics.video_metric import VideoMetric
from videoseg.registry import METRICS


@dataclass
class _TrueTrack:
    """What is known so far of a ground truth track: a few numbers a frame in which it is visible."""

    label: int
    is_crowd: bool
    areas: list[float] = field(default_factory=list)
    occlusion: list[float] = field(default_factory=list)

    def finish(self, number: int) -> GTTrack:
        """The row for :meth:`VideoAP.finish_video`."""
        return GTTrack(
            number,
            self.label,
            self.is_crowd,
            area=float(np.mean(self.areas)) if self.areas else None,
            occlusion=occlusion_score(self.occlusion),
        )


@METRICS.register_module()
class VideoAPMetric(VideoMetric):
    """``ap/AP``, ``ap/AP50``, ``ap/AP75``, ``ap/AR1``, ``ap/AR10``, ``ap/tube_IoU`` ... in [0, 1].

    Predicted tracks are the masks of ``pred_track_instances`` where there are any, otherwise the things of the panoptic
    map that have a track id. A mask is kept as intersections and areas only; label and score of a track are those of
    the track table that comes when the video ends. A track of the table without any mask is a false positive, as in the
    official evaluators. See :class:`videoseg.evaluation.functional.VideoAP`.

    Args:
        max_per_video: The best so many tracks of a video are scored. Default 100, which is the evaluator's own limit a
            class; published results mostly come from 10 predictions a video.
        occlusion: ``'ovis'`` adds AP_light, AP_medium and AP_heavy, for data sets that tell the occlusion. Default
            ``'none'``.
        class_agnostic: Take all tracks for one class, for data sets of objects without classes. Default False.
        **kwargs: Arguments of :class:`VideoMetric`.
    """

    default_prefix = 'ap'
    ground_truth = 'instance'

    def __init__(
        self,
        max_per_video: int = 100,
        occlusion: Literal['none', 'ovis'] = 'none',
        class_agnostic: bool = False,
        **kwargs: Any,
    ) -> None:
        if max_per_video < 1:
            raise ValueError(f'max_per_video is {max_per_video}, expected at least 1')
        self.max_per_video = max_per_video
        self.occlusion = occlusion
        self.class_agnostic = class_agnostic
        super().__init__(**kwargs)

    def _reset(self) -> None:
        super()._reset()
        self._true_tracks: dict[str, dict[int, _TrueTrack]] = {}
        self._finished: set[str] = set()

    def build_statistics(self, num_classes: int, things: Sequence[int]) -> VideoAP:
        """Empty statistics."""
        return VideoAP(1 if self.class_agnostic else num_classes, self.occlusion)

    def finish_result(self, result: dict[str, Any]) -> dict[str, Any]:
        """See :meth:`VideoMetric.finish_result`."""
        options = {'max_per_video': self.max_per_video, 'class_agnostic': self.class_agnostic}
        per_class = {} if self.class_agnostic else result['per_class']
        return {**result, 'per_class': per_class, 'protocol': {**result['protocol'], **options}}

    def update(self, statistics: VideoStatistics, frame: FrameView) -> None:
        """See :meth:`VideoMetric.update`."""
        truth, (ids, rles) = frame.gt_instances, frame.require('pred_tracks', type(self).__name__)
        is_new = statistics.update(
            frame.video_id,
            frame.frame_id,
            FrameMasks(truth['ids'].tolist(), truth['masks']),
            FrameMasks(ids.tolist(), rles),
        )
        if is_new:
            self._note_tracks(frame.video_id, truth)

    def _note_tracks(self, video_id: str, truth: Mapping[str, Any]) -> None:
        tracks = self._true_tracks.setdefault(video_id, {})
        num_rows = len(truth['masks'])
        areas = truth['areas'] if truth['areas'] is not None else np.zeros(num_rows)
        occlusion = truth['occlusion'] if truth['occlusion'] is not None else np.full(num_rows, np.nan)
        columns = (truth[name].tolist() for name in ('ids', 'labels', 'is_crowd'))
        for number, label, is_crowd, area, hidden in zip(*columns, areas.tolist(), occlusion.tolist(), strict=True):
            track = tracks.setdefault(number, _TrueTrack(self._label(label), bool(is_crowd)))
            track.areas += [area] if area > 0 else []
            track.occlusion += [] if np.isnan(hidden) else [hidden]

    def process_tracks(self, video_id: str, table: Mapping[str, Tensor]) -> None:
        """Finish a video: match its tracks and forget their intersections.

        Args:
            video_id: Name of the video.
            table: ``ids, labels, scores`` of its tracks, from the segmentor's ``finish``.
        """
        statistics = self._get_statistics()
        if video_id not in statistics.videos or video_id in self._finished:
            return
        self._finished.add(video_id)
        pred = [replace(x, label=self._label(x.label)) for x in best_tracks(table, self.max_per_video)]
        truth = [track.finish(number) for number, track in self._true_tracks.pop(video_id, {}).items()]
        statistics.finish_video(video_id, truth, pred, num_frames=len(statistics.videos[video_id].frames))

    def _label(self, label: int) -> int:
        return 0 if self.class_agnostic else label

    def evaluate(self, size: int) -> dict[str, float]:
        """See :meth:`VideoMetric.evaluate`.

        Raises:
            ValueError: If a scored video was never finished.
        """
        if self._true_tracks:
            video_id = min(self._true_tracks)
            self._reset()
            raise ValueError(
                f'video {video_id!r} was not finished by process_tracks: video AP needs VideoValLoop or VideoTestLoop'
            )
        return super().evaluate(size)
