"""How frame results are handed to the writer of each format."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from videoseg.evaluation.formats.cityscapes_vps import CityscapesVPSWriter
from videoseg.evaluation.formats.coco_panoptic import CocoPanopticWriter
from videoseg.evaluation.formats.davis import DavisWriter
from videoseg.evaluation.formats.frame_name import FrameName
from videoseg.evaluation.formats.kitti_step_writer import KittiStepWriter
from videoseg.evaluation.formats.vipseg import VIPSegWriter
from videoseg.evaluation.formats.vspw import VSPWWriter
from videoseg.evaluation.formats.youtube_vis_writer import YouTubeVISWriter
from videoseg.evaluation.functional.frame_masks import FrameMasks
from videoseg.evaluation.metrics.frame_view import FrameView
from videoseg.evaluation.metrics.track_rows import best_tracks


class Submission(ABC):
    """Predictions of one run in one format.

    Args:
        out_dir: Folder, made with the first frame.
        metainfo: Metainfo of the data set: ``classes``, ``num_things``, ``raw_ids``.
        max_per_video: The best so many tracks of a video are written, in formats of tracks.
        allow_void: Whether pixels without a class are written where the format does not know them (vspw).
    """

    def __init__(self, out_dir: Path, metainfo: Mapping[str, Any], max_per_video: int, allow_void: bool) -> None:
        self.out_dir = out_dir
        self.metainfo = metainfo
        self.max_per_video = max_per_video
        self.allow_void = allow_void

    @abstractmethod
    def write_frame(self, frame: FrameView, name: FrameName) -> None:
        """Write one frame."""

    def finish_video(self, video_id: str, table: Mapping[str, Tensor]) -> None:  # noqa: B027
        """Take the track table of a video; formats of maps do not need it."""

    @abstractmethod
    def records(self) -> dict[str, Any]:
        """Video id -> what the json needs of it."""

    @abstractmethod
    def finish(self, records: dict[str, Any]) -> list[Path]:
        """Write the json, if the format has one, from the records of all processes."""

    def meta(self, key: str) -> Any:
        """An entry of the metainfo.

        Raises:
            KeyError: If there is none.
        """
        if key not in self.metainfo:
            raise KeyError(f"PredictionWriter: the dataset's metainfo has no '{key}', which this format needs")
        return self.metainfo[key]


class MapSubmission(Submission):
    """Formats of one PNG a frame, some of them with a json of all segments.

    Attributes:
        flat: Whether the PNGs of all videos lie in one folder.
    """

    flat: ClassVar[bool] = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._writer = self.make_writer()
        self._videos: dict[str, Any] = {}
        self._owners: dict[str, str] = {}

    @abstractmethod
    def make_writer(self) -> Any:
        """The writer, with ``write_frame``, ``records`` and ``finish``."""

    @abstractmethod
    def pixels(self, frame: FrameView) -> np.ndarray:
        """The (H, W) map that the writer takes."""

    def write_frame(self, frame: FrameView, name: FrameName) -> None:
        """See :meth:`Submission.write_frame`."""
        if self.flat and self._owners.setdefault(str(name.json_id), frame.video_id) != frame.video_id:
            raise ValueError(
                f'{frame.where}: image {name.json_id!r} was written for video {self._owners[str(name.json_id)]!r}; '
                'this format has one folder for all videos and needs names that occur once: use another format'
            )
        self._writer.write_frame(frame.video_id, name, self.pixels(frame))
        self._videos[frame.video_id] = None

    def records(self) -> dict[str, Any]:
        """See :meth:`Submission.records`."""
        return self._videos | self._writer.records()

    def finish(self, records: dict[str, Any]) -> list[Path]:
        """See :meth:`Submission.finish`."""
        return self._writer.finish(records)


class PanopticSubmission(MapSubmission):
    """Formats of panoptic maps."""

    writer: ClassVar[type]

    def make_writer(self) -> Any:
        """See :meth:`MapSubmission.make_writer`."""
        return self.writer(self.out_dir, self.meta('raw_ids'))

    def pixels(self, frame: FrameView) -> np.ndarray:
        """See :meth:`MapSubmission.pixels`."""
        return frame.require('pred_panoptic', type(self).__name__)


class KittiStepSubmission(PanopticSubmission):
    """``<video>/<frame>.png``."""

    writer = KittiStepWriter


class CityscapesVPSSubmission(PanopticSubmission):
    """Labelled frames only, as the benchmark takes them."""

    writer = CityscapesVPSWriter
    flat = True

    def write_frame(self, frame: FrameView, name: FrameName) -> None:
        """See :meth:`Submission.write_frame`; frames that the data set calls unlabelled are left out."""
        if frame.sample.get('labelled', True):
            super().write_frame(frame, name)


class VIPSegSubmission(PanopticSubmission):
    """``pan_pred/<video>/<frame>.png`` and ``pred.json``."""

    writer = VIPSegWriter


class CocoPanopticSubmission(PanopticSubmission):
    """``pred/<image>.png`` and ``pred.json``."""

    writer = CocoPanopticWriter
    flat = True


class YouTubeVISSubmission(Submission):
    """``results.json`` and its zip. RLEs of all predicted tracks are kept until the json is written."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._writer = YouTubeVISWriter(self.out_dir, self.meta('raw_ids'))
        self._lengths: dict[str, int] = {}

    def write_frame(self, frame: FrameView, name: FrameName) -> None:
        """See :meth:`Submission.write_frame`."""
        ids, rles = frame.require('pred_tracks', type(self).__name__)
        self._writer.write_frame(frame.video_id, name, FrameMasks(ids.tolist(), rles))
        length = int(frame.sample.get('video_length', frame.frame_id + 1))
        self._lengths[frame.video_id] = max(length, self._lengths.get(frame.video_id, 0))

    def finish_video(self, video_id: str, table: Mapping[str, Tensor]) -> None:
        """See :meth:`Submission.finish_video`."""
        if video_id in self._lengths:
            self._writer.finish_video(video_id, best_tracks(table, self.max_per_video), self._lengths[video_id])

    def records(self) -> dict[str, Any]:
        """See :meth:`Submission.records`."""
        return self._writer.records()

    def finish(self, records: dict[str, Any]) -> list[Path]:
        """See :meth:`Submission.finish`."""
        return self._writer.finish(records)


class VSPWSubmission(MapSubmission):
    """``<video>/<frame>.png``, class indices."""

    def make_writer(self) -> VSPWWriter:
        """See :meth:`MapSubmission.make_writer`."""
        return VSPWWriter(self.out_dir, self.meta('raw_ids'), self.allow_void)

    def pixels(self, frame: FrameView) -> np.ndarray:
        """See :meth:`MapSubmission.pixels`."""
        return frame.require('pred_labels', type(self).__name__)


class DavisSubmission(MapSubmission):
    """``<video>/<frame>.png``, track ids as object ids."""

    def make_writer(self) -> DavisWriter:
        """See :meth:`MapSubmission.make_writer`."""
        return DavisWriter(self.out_dir)

    def pixels(self, frame: FrameView) -> np.ndarray:
        """See :meth:`MapSubmission.pixels`."""
        return frame.require('pred_objects', type(self).__name__)


SUBMISSIONS: dict[str, type[Submission]] = {
    'kitti_step': KittiStepSubmission,
    'cityscapes_vps': CityscapesVPSSubmission,
    'vipseg': VIPSegSubmission,
    'coco_panoptic': CocoPanopticSubmission,
    'youtube_vis': YouTubeVISSubmission,
    'ovis': YouTubeVISSubmission,
    'vspw': VSPWSubmission,
    'davis': DavisSubmission,
}
"""Format of :class:`PredictionWriter` -> how it is written."""
