"""Frame results to pictures and videos on disk."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
from mmdet.structures import DetDataSample

from videoseg.registry import VISUALIZERS
from videoseg.structures.ids import encode_ids
from videoseg.visualization.ground_truth import panoptic_from_ground_truth
from videoseg.visualization.instances import panoptic_from_instances
from videoseg.visualization.overlay import PanopticOverlay
from videoseg.visualization.panels import side_by_side
from videoseg.visualization.video_writer import VideoWriter

_PANELS = ('image', 'prediction', 'truth')


@VISUALIZERS.register_module()
class VideoRecorder:
    """Draws frame results as they come and writes ``<out_dir>/<video>/<frame>.jpg`` and ``<out_dir>/<video>.mp4``.

    Frames of one video must come in order; videos may alternate. One file a video is open, until its last frame
    (``video_length`` of the metainfo) or :meth:`close`; nothing else is kept. Pictures of earlier runs are replaced.

    Args:
        out_dir: Folder, made when needed.
        metainfo: Metainfo of the data set: ``classes``, ``num_things``, perhaps ``palette``.
        frame_format: ``'jpg'``, ``'png'`` or None for no pictures.
        video_format: ``'mp4'``, ``'avi'`` or None for no video.
        panels: What stands side by side, of ``'image'``, ``'prediction'`` and ``'truth'``.
        fps: Frames a second of the video.
        interval: Draw every n-th frame, counted from the first of the video.
        show_scores: Write confidences beside the names.
        instance_score_thr: Instances with lower scores are not drawn, where the result is instances and no map.
        overlay: Further arguments of :class:`PanopticOverlay`.

    Raises:
        ValueError: If an argument is out of range.
        KeyError: If the metainfo lacks a key.
    """

    def __init__(
        self,
        out_dir: str | Path,
        metainfo: Mapping[str, Any],
        frame_format: str | None = 'jpg',
        video_format: str | None = 'mp4',
        panels: Sequence[str] = ('prediction',),
        fps: float = 10.0,
        interval: int = 1,
        show_scores: bool = False,
        instance_score_thr: float = 0.3,
        overlay: Mapping[str, Any] | None = None,
    ) -> None:
        if frame_format not in ('jpg', 'png', None):
            raise ValueError(f"frame_format must be 'jpg', 'png' or None, got {frame_format!r}")
        if video_format not in ('mp4', 'avi', None):
            raise ValueError(f"video_format must be 'mp4', 'avi' or None, got {video_format!r}")
        if not panels or set(panels) - set(_PANELS):
            raise ValueError(f'panels must be some of {_PANELS}, got {tuple(panels)}')
        if interval < 1:
            raise ValueError(f'interval must be at least 1, got {interval}')
        self.out_dir = Path(out_dir)
        self.frame_format = frame_format
        self.video_format = video_format
        self.panels = tuple(panels)
        self.fps = fps
        self.interval = interval
        self.show_scores = show_scores
        self.instance_score_thr = instance_score_thr
        self.overlay = PanopticOverlay.from_meta(metainfo, **(overlay or {}))
        self._writers: dict[str, VideoWriter] = {}

    @property
    def open_videos(self) -> list[str]:
        """Videos whose last frame has not come."""
        return sorted(self._writers)

    def add(self, sample: DetDataSample, image: np.ndarray | None = None) -> None:
        """Draw one frame.

        Args:
            sample: Frame result with ``video_id``, ``frame_id`` and ``img_path``; closes the video if it is the
                last frame of ``video_length``.
            image: (H, W, 3) uint8 BGR at the size of the result; read from ``img_path`` by default.

        Raises:
            FileNotFoundError: If the image is not there.
            KeyError: If the sample has neither a panoptic map nor instances with masks.
            ValueError: If image and result differ in size.
            OSError: If a picture or video cannot be written.
        """
        video_id, frame_id = str(sample.video_id), int(sample.frame_id)
        if frame_id % self.interval == 0:
            self._write(video_id, frame_id, sample, self._draw(sample, image))
        if frame_id + 1 == sample.metainfo.get('video_length') and video_id in self._writers:
            self._writers.pop(video_id).close()

    def close(self) -> None:
        """Close the videos that are still open."""
        while self._writers:
            self._writers.popitem()[1].close()

    def _draw(self, sample: DetDataSample, image: np.ndarray | None) -> np.ndarray:
        name = f'video {sample.video_id}, frame {sample.frame_id} ({sample.metainfo.get("img_path", "no file")})'
        if image is None:
            image = cv2.imread(str(sample.img_path))
            if image is None:
                raise FileNotFoundError(f'{name}: there is no such image, or it cannot be read')
        drawn = {'image': self.overlay.plain(image)} if 'image' in self.panels else {}
        if 'prediction' in self.panels:
            panoptic = self._prediction(sample, name)
            drawn['prediction'] = self.overlay(image, panoptic, self._scores(sample), f'prediction of {name}')
        if 'truth' in self.panels:
            truth = panoptic_from_ground_truth(sample)
            drawn['truth'] = (
                self.overlay.plain(image)
                if truth is None
                else self.overlay(image, truth, name=f'ground truth of {name}')
            )
            if truth is None:
                drawn['no truth'] = drawn.pop('truth')
        if len(drawn) == 1:
            return next(iter(drawn.values()))
        order = [panel for panel in ('image', 'prediction', 'truth', 'no truth') if panel in drawn]
        return side_by_side([drawn[panel] for panel in order], order)

    def _prediction(self, sample: DetDataSample, name: str) -> np.ndarray:
        if 'pred_panoptic_seg' in sample:
            return sample.pred_panoptic_seg.panoptic_seg.cpu().numpy()
        if 'masks' in sample.get('pred_track_instances', {}):
            return panoptic_from_instances(sample, self.instance_score_thr)
        raise KeyError(
            f'{name}: neither pred_panoptic_seg nor masks in pred_track_instances to draw; there is '
            f'{sorted(sample.keys())}'
        )

    def _scores(self, sample: DetDataSample) -> dict[int, float]:
        if not self.show_scores or 'pred_track_instances' not in sample:
            return {}
        rows = sample.pred_track_instances
        ids = encode_ids(rows.labels.long(), rows.instances_id.long())
        return dict(zip(ids.tolist(), rows.scores.tolist(), strict=True))

    def _write(self, video_id: str, frame_id: int, sample: DetDataSample, picture: np.ndarray) -> None:
        # a video's name may hold folders, but never leads out of the output folder
        folder = PurePosixPath(*[part for part in PurePosixPath(video_id).parts if part not in ('/', '..')])
        if self.frame_format is not None:
            stem = Path(sample.metainfo.get('img_path') or f'{frame_id:06d}').stem
            _write_picture(self.out_dir / folder / f'{stem}.{self.frame_format}', picture)
        if self.video_format is not None:
            if video_id not in self._writers:
                path = self.out_dir / folder.parent / f'{folder.name}.{self.video_format}'
                self._writers[video_id] = VideoWriter(path, self.fps)
            self._writers[video_id].write(picture)


def _write_picture(path: Path, picture: np.ndarray) -> None:
    """Write under a temporary name first, so that a broken picture never stands under the final one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'.{path.stem}.partial-{os.getpid()}{path.suffix}')
    if not cv2.imwrite(str(partial), picture):
        partial.unlink(missing_ok=True)
        raise OSError(f'{path}: the picture cannot be written; is the folder writable and the disk not full?')
    partial.replace(path)
