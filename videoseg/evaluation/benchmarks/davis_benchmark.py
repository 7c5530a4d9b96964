"""DAVIS: folders of palette PNGs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from videoseg.evaluation.benchmarks.base_benchmark import BaseBenchmark, Statistics
from videoseg.evaluation.benchmarks.frame_errors import check_same_names, frame_errors
from videoseg.evaluation.formats.davis import VOID_OBJECT, read_davis
from videoseg.evaluation.formats.files import list_folders, list_pngs, safe_join
from videoseg.evaluation.formats.vspw import read_vspw_split
from videoseg.evaluation.functional.j_and_f import JAndF


class DavisBenchmark(BaseBenchmark):
    """Folders of ``<video>/<frame>.png`` with object ids, ground truth and predictions alike.

    The first and the last frame of a video are not scored: predictions may lack them.

    Args:
        gt: For example ``Annotations/480p``.
        pred: Folder of the predictions; videos that the ground truth lacks are an error.
        metrics: Only jf.
        windows: Not used.
        options: ``matching``: ``id`` (semi-supervised) or ``best`` (unsupervised: void pixels do not count either).
            ``decay_bins``: ``exact``, or ``uint8`` as in the official code. ``extra_ids``: ``error`` or ``ignore``.
        split: Text file with one video name a line, for example ``ImageSets/2017/val.txt``. Default: all of ``gt``.
    """

    available = ('jf',)
    default_metrics = ('jf',)
    default_options: ClassVar[Mapping[str, Any]] = dict(matching='id', decay_bins='exact', extra_ids='error')

    def __init__(
        self,
        gt: str | Path,
        pred: str | Path,
        metrics: Sequence[str] | None = None,
        windows: Sequence[int] | None = None,
        options: Mapping[str, Any] | None = None,
        split: str | Path | None = None,
    ) -> None:
        super().__init__(gt, pred, metrics, windows, options)
        self.build_statistics()
        names = _folders(self.gt) if split is None else read_vspw_split(split)
        if not names:
            raise FileNotFoundError(f'{split or self.gt}: no video there, expected <video>/<frame>.png')
        check_same_names(names, _folders(self.pred), f'{self.pred}: video')
        self.frames = {x: self._list_frames(x, split or self.gt) for x in names}

    def _list_frames(self, video_id: str, source: str | Path) -> list[str]:
        """Names of the frames, in order; those in between must be there in the predictions."""
        gt, pred = (
            [f'{x}.png' for x in list_pngs(safe_join(folder, video_id, str(source)))] for folder in (self.gt, self.pred)
        )
        if not gt:
            raise FileNotFoundError(f'{self.gt / video_id}: no frames there, expected <frame>.png')
        ends = {gt[0], gt[-1]}
        inner = [x for x in gt if x not in ends]
        check_same_names(inner, [x for x in pred if x not in ends], f'{self.pred}: video {video_id!r}, frame')
        return gt

    @property
    def classes(self) -> tuple[str, ...]:
        """None: objects have no classes."""
        return ()

    @property
    def videos(self) -> Mapping[str, int]:
        """Video -> number of frames."""
        return {video_id: len(frames) for video_id, frames in self.frames.items()}

    def build_statistics(self) -> Statistics:
        """Empty statistics."""
        void_pixels = 'ignore' if self.options['matching'] == 'best' else 'background'
        return dict(jf=JAndF(void_label=VOID_OBJECT, void_pixels=void_pixels, **self.options))

    def score_video(self, video_id: str, statistics: Statistics) -> None:
        """Read one video."""
        names = self.frames[video_id]
        for t, name in enumerate(names):
            with frame_errors(video_id, name):
                gt = read_davis(self.gt / video_id / name)
                if 0 < t < len(names) - 1:
                    pred = read_davis(self.pred / video_id / name, gt.shape)
                    pred = np.where(pred == VOID_OBJECT, 0, pred)
                else:  # not scored; only the objects and the length of the video are taken from it
                    pred = np.zeros_like(gt)
                statistics['jf'].update(video_id, t, gt, pred)


def _folders(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder}: is no folder of <video>/<frame>.png')
    return list_folders(folder)
