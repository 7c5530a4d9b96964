"""YouTube-VIS 2019, 2021 and 2022."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from videoseg.evaluation.benchmarks.base_benchmark import BaseBenchmark, Statistics
from videoseg.evaluation.formats.youtube_vis import YouTubeVIS
from videoseg.evaluation.functional.video_ap import VideoAP


class YouTubeVISBenchmark(BaseBenchmark):
    """The json of the ground truth against ``results.json`` or its zip (:class:`YouTubeVIS`).

    Args:
        gt: Json with annotations.
        pred: Json, or zip with ``results.json``.
        metrics: Only ap.
        windows: Not used.
        options: ``area_source``: where the areas for APs, APm and APl come from: ``json`` (official), ``box`` (mmdet),
            ``mask``. ``gt_id_zero``: ``unmatched`` brings back that annotation 0 is never found; default ``valid``.
            ``allow_short``: results may have fewer masks than the video has frames; default false.
    """

    available = ('ap',)
    default_metrics = ('ap',)
    default_options: ClassVar[Mapping[str, Any]] = dict(area_source='json', gt_id_zero='valid', allow_short=False)
    occlusion: ClassVar[Literal['none', 'ovis']] = 'none'

    def __init__(
        self,
        gt: str | Path,
        pred: str | Path,
        metrics: Sequence[str] | None = None,
        windows: Sequence[int] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(gt, pred, metrics, windows, options)
        self.truth = YouTubeVIS(self.gt, self.options['area_source'], self.occlusion == 'ovis')
        self.results = self.truth.read_results(self.pred, self.options['allow_short'])
        self.build_statistics()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the categories, ascending by id."""
        return self.truth.classes

    @property
    def videos(self) -> Mapping[str, int]:
        """Video id -> length."""
        return {video_id: len(x.frames) for video_id, x in self.truth.videos.items()}

    def build_statistics(self) -> Statistics:
        """Empty statistics."""
        return dict(
            ap=VideoAP(len(self.classes), self.occlusion, self.options['area_source'], self.options['gt_id_zero'])
        )

    def score_video(self, video_id: str, statistics: Statistics) -> None:
        """Read the masks of one video and add them."""
        gt = self.truth.read_video(video_id)
        pred = self.truth.read_predictions(video_id, self.results[video_id])
        for t, masks in enumerate(zip(gt.frames, pred.frames, strict=True)):
            statistics['ap'].update(video_id, t, *masks)
        statistics['ap'].finish_video(video_id, gt.tracks, pred.tracks, len(gt.frames))
