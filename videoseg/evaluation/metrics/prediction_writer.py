"""Writing of predictions in official formats, beside the metrics."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import all_gather_object, is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from videoseg.evaluation.formats.frame_name import FrameName
from videoseg.evaluation.metrics.frame_view import FrameView
from videoseg.evaluation.metrics.submissions import SUBMISSIONS, Submission
from videoseg.registry import METRICS


@METRICS.register_module()
class PredictionWriter(BaseMetric):
    """Writes frame results as they come; stands among the metrics and reports no number.

    Ground truth is not needed. Every process writes the pictures of its videos; the json or zip, where the format has
    one, is written by the main process when all videos are done, so a failed run leaves none. Only what belongs into
    the json is kept until then.

    Args:
        format: ``'kitti_step'``, ``'cityscapes_vps'``, ``'vipseg'``, ``'coco_panoptic'``, ``'youtube_vis'``,
            ``'ovis'``, ``'vspw'`` or ``'davis'``.
        out_dir: Folder of the submission. Default: nothing is written; ``tools/test.py --pred-dir`` sets it.
        max_per_video: The best so many tracks of a video are written (youtube_vis, ovis). Default 100, as in
            :class:`VideoAPMetric`.
        allow_void: Write pixels without a class as 255 in vspw format, whose official script takes them for some class.
            Default False: they are an error.
        collect_device: Kept for mmengine's interface.

    Raises:
        ValueError: If there is no such format.
    """

    default_prefix = 'files'

    def __init__(
        self,
        format: str,  # noqa: A002
        out_dir: str | None = None,
        max_per_video: int = 100,
        allow_void: bool = False,
        collect_device: str = 'cpu',
    ) -> None:
        if format not in SUBMISSIONS:
            raise ValueError(f'format {format!r} is unknown; there are {", ".join(SUBMISSIONS)}')
        super().__init__(collect_device=collect_device)
        self.format = format
        self.out_dir = out_dir
        self.max_per_video = max_per_video
        self.allow_void = allow_void
        self._reset()

    def _reset(self) -> None:
        self._submission: Submission | None = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Write a batch of frame results.

        Args:
            data_batch: Not used.
            data_samples: Frame results as dicts; of one video in time order.

        Raises:
            KeyError: If a result has no fitting prediction, or the dataset's metainfo lacks something.
            ValueError: If a label cannot be written in this format.
        """
        if self.out_dir is None:
            return
        submission = self._get_submission()
        for sample in data_samples:
            frame = FrameView(sample, self.dataset_meta['num_things'])
            submission.write_frame(frame, _frame_name(frame))

    def process_tracks(self, video_id: str, table: Mapping[str, Tensor]) -> None:
        """Take the track table of a finished video.

        Args:
            video_id: Name of the video.
            table: What the segmentor's ``finish`` returned.
        """
        if self.out_dir is not None:
            self._get_submission().finish_video(video_id, table)

    def evaluate(self, size: int) -> dict[str, float]:
        """Write what concerns all videos.

        Args:
            size: Not used.

        Returns:
            No numbers.
        """
        if self.out_dir is None:
            return {}
        submission = self._get_submission()
        parts = all_gather_object(submission.records())
        self._reset()
        records: dict[str, Any] = {}
        for part in parts:  # a video that was repeated for the sampler's sake is the same in both parts
            records |= part
        if is_main_process():
            paths = submission.finish(records)
            listed = f': {", ".join(str(x) for x in paths)}' if paths else ''
            print_log(
                f'predictions of {len(records)} videos in {self.format} format are in {self.out_dir}{listed}',
                logger='current',
                level=logging.INFO,
            )
        return {}

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Not used: there are no numbers."""
        raise NotImplementedError('PredictionWriter computes no numbers')

    def _get_submission(self) -> Submission:
        if self._submission is None:
            for key in ('classes', 'num_things'):
                if key not in (self.dataset_meta or {}):
                    raise KeyError(f"PredictionWriter: the dataset's metainfo has no '{key}'")
            self._submission = SUBMISSIONS[self.format](
                Path(self.out_dir), self.dataset_meta, self.max_per_video, self.allow_void
            )
        return self._submission


def _frame_name(frame: FrameView) -> FrameName:
    image = frame.sample.get('img_path') or f'{frame.frame_id:06d}.png'
    return FrameName(frame.frame_id, Path(image).name, frame.sample.get('image_id'))
