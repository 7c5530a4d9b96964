"""Base of the metrics that count over whole videos."""

import json
import logging
import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import all_gather_object, is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from videoseg.evaluation.formats import KittiStep
from videoseg.evaluation.functional import FrameSet, VideoStatistics
from videoseg.evaluation.metrics.frame_maps import BatchHistograms, frame_name, panoptic_map
from videoseg.structures.ids import VOID_LABEL

_batch_histograms = BatchHistograms()


class VideoMetric(BaseMetric):
    """Scores panoptic maps of videos with additive statistics.

    Frame results are dicts with metainfo ``video_id``, ``frame_id``, ``video_length`` (optional), maps
    ``pred_panoptic_seg`` and, if there is ground truth, ``gt_panoptic_seg`` of panoptic ids with model labels. They are
    counted as they come and not kept. Processes exchange per-video statistics, keyed by video id, so results do not
    depend on how videos were shared out, and repeated samples count once; ``size`` given to ``evaluate`` is not used.
    Frames without ground truth are not scored; if no frame has any, that is said and no number is reported.

    Args:
        out_dir: Folder to write predictions to, ``<out_dir>/<video>/<image name>.png`` in KITTI-STEP format with raw
            class ids. Default: they are not written.
        dump_file: JSON file for all numbers: overall, per class, per video, and the protocol. Default: none.
        allow_missing_frames: Score a video even if fewer frames came than its ``video_length``. Default False.
        collect_device: ``'cpu'`` or ``'gpu'``; kept for mmengine's interface, statistics are exchanged through the
            process group either way.
        prefix: Prefix of the names of the numbers. Default: that of the class.
    """

    def __init__(
        self,
        out_dir: str | None = None,
        dump_file: str | None = None,
        allow_missing_frames: bool = False,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.out_dir = out_dir
        self.dump_file = dump_file
        self.allow_missing_frames = allow_missing_frames
        self._writer: KittiStep | None = None
        self._reset()

    def _reset(self) -> None:
        self._statistics: VideoStatistics | None = None
        self._lengths: dict[str, int] = {}
        self._unscored: dict[str, FrameSet] = {}
        _batch_histograms.clear()

    @abstractmethod
    def build_statistics(self, num_classes: int, things: Sequence[int]) -> VideoStatistics:
        """Make the empty statistics.

        Args:
            num_classes: Number of classes of the dataset.
            things: Model labels of its thing classes.
        """

    @abstractmethod
    def select_numbers(self, result: Mapping[str, Any]) -> dict[str, float]:
        """The numbers to report, name -> value in [0, 1], from what the statistics computed."""

    @abstractmethod
    def class_table(self, result: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Columns of the per-class table in the log, each of length ``num_classes``."""

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count a batch of frame results.

        Args:
            data_batch: Not used.
            data_samples: Frame results as dicts; of one video in time order.

        Raises:
            KeyError: If a result has no prediction, or the dataset's metainfo lacks something.
            ValueError: If sizes or class labels are wrong.
        """
        statistics = self._get_statistics()
        for index, sample in enumerate(data_samples):
            video_id, frame_id = frame_name(sample)
            where = f'video {video_id!r}, frame {frame_id}'
            pred = panoptic_map(sample, 'pred_panoptic_seg')
            if pred is None:
                raise KeyError(f"{where}: no 'pred_panoptic_seg'; this metric needs a panoptic postprocessor")
            if 'video_length' in sample:
                self._lengths[video_id] = int(sample['video_length'])
            if self.out_dir is not None:
                self._write(sample, video_id, frame_id, pred)
            gt = panoptic_map(sample, 'gt_panoptic_seg')
            if gt is None:
                self._unscored.setdefault(video_id, FrameSet()).add(frame_id)
                continue
            try:
                histogram = _batch_histograms.get(data_samples, index, gt, pred)
            except (ValueError, TypeError) as error:
                raise type(error)(f'{where}: {error}') from error
            statistics.update(video_id, frame_id, histogram)

    def process_tracks(self, video_id: str, table: Mapping[str, Tensor]) -> None:
        """Take the track table of a finished video; panoptic metrics do not need it.

        Args:
            video_id: Name of the video.
            table: What the segmentor's ``finish`` returned.
        """

    def evaluate(self, size: int) -> dict[str, float]:
        """Merge the statistics of all processes and compute; every process gets the same numbers.

        Args:
            size: Not used: nothing is truncated, repeated samples are recognised by video and frame.

        Returns:
            Prefixed name -> number; empty if there is no ground truth at all.

        Raises:
            ValueError: If frames of a video are missing.
        """
        statistics, unscored = self._gather()
        self._reset()
        num_unscored = sum(len(x) for x in unscored.values())
        if not statistics.videos:
            self._log_nothing_scored(num_unscored)
            return {}
        if num_unscored:
            self._log(f'{num_unscored} frames without ground truth were left out', logging.WARNING)
        result = statistics.compute()
        metrics = self.compute_metrics([result])
        self._log(self._summary(result, metrics))
        if self.dump_file is not None and is_main_process():
            self._dump(result, metrics)
        return {f'{self.prefix}/{name}' if self.prefix else name: value for name, value in metrics.items()}

    def compute_metrics(self, results: list) -> dict[str, float]:
        """The numbers to report, from ``[result]`` of the statistics' ``compute``."""
        return self.select_numbers(results[0])

    def _get_statistics(self) -> VideoStatistics:
        if self._statistics is None:
            self._statistics = self.build_statistics(len(self._meta('classes')), range(self._meta('num_things')))
        return self._statistics

    def _meta(self, key: str) -> Any:
        if self.dataset_meta is None or key not in self.dataset_meta:
            raise KeyError(f"{type(self).__name__}: the dataset's metainfo has no '{key}'")
        return self.dataset_meta[key]

    def _gather(self) -> tuple[VideoStatistics, dict[str, FrameSet]]:
        """Statistics and frames without ground truth of all processes together."""
        statistics = self._get_statistics()
        parts = all_gather_object((statistics.videos, self._unscored, self._lengths))
        statistics.reset()
        unscored: dict[str, FrameSet] = {}
        lengths: dict[str, int] = {}
        for videos, part_unscored, part_lengths in parts:
            statistics.merge_videos(videos)
            lengths.update(part_lengths)
            for video_id, frames in part_unscored.items():
                unscored[video_id] = unscored.get(video_id, FrameSet()).union(frames)
        for video_id, length in sorted(lengths.items()):
            seen = unscored.get(video_id, FrameSet())
            if video_id in statistics.videos:
                seen = seen.union(statistics.videos[video_id].frames)
            if len(seen) < length and not self.allow_missing_frames:
                self._reset()
                raise ValueError(
                    f'video {video_id!r}: {len(seen)} of {length} frames were predicted ({seen}); test whole videos, '
                    'or set allow_missing_frames=True'
                )
        return statistics, unscored

    def _write(self, sample: Mapping[str, Any], video_id: str, frame_id: int, pred: np.ndarray) -> None:
        if self._writer is None:
            self._writer = KittiStep(self._meta('raw_ids'), self.dataset_meta.get('ignore_raw_id', VOID_LABEL))
        name = Path(sample['img_path']).stem if sample.get('img_path') else f'{frame_id:06d}'
        self._writer.write(Path(self.out_dir, video_id, f'{name}.png'), pred)

    def _log(self, message: str, level: int = logging.INFO) -> None:
        print_log(f'{type(self).__name__}: {message}', logger='current', level=level)

    def _log_nothing_scored(self, num_unscored: int) -> None:
        if not num_unscored:
            self._log('no frames were given, there is nothing to score', logging.WARNING)
            return
        written = f'predictions are in {self.out_dir}' if self.out_dir else 'set out_dir to write the predictions'
        self._log(f'none of the {num_unscored} frames has ground truth: no score; {written}', logging.WARNING)

    def _summary(self, result: Mapping[str, Any], metrics: Mapping[str, float]) -> str:
        columns = self.class_table(result)
        names = self._meta('classes')
        width = max(len(x) for x in names)
        lines = [
            f'{len(result["per_video"])} videos, {result["num_frames"]} frames',
            ' ' * width + ''.join(f'{x:>12}' for x in columns),
        ]
        for label, name in enumerate(names):
            values = [column[label] for column in columns.values()]
            if not all(np.isnan(values)):
                lines.append(f'{name:<{width}}' + ''.join(f'{x:>12.4f}' for x in values))
        return '\n'.join([*lines, '  '.join(f'{name} {value:.4f}' for name, value in metrics.items())])

    def _dump(self, result: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        os.makedirs(os.path.dirname(os.path.abspath(self.dump_file)), exist_ok=True)
        content = {'metrics': metrics, 'classes': list(self._meta('classes')), **result}
        Path(self.dump_file).write_text(json.dumps(_plain(content), indent=1))


def _plain(value: Any) -> Any:
    """Only what strict JSON knows; NaN becomes null."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(x) for x in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
