"""VSPW."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from videoseg.evaluation.benchmarks.base_benchmark import BaseBenchmark, Statistics
from videoseg.evaluation.benchmarks.frame_errors import check_same_names, frame_errors
from videoseg.evaluation.formats.class_table import ClassTable
from videoseg.evaluation.formats.files import list_folders, list_pngs, read_json
from videoseg.evaluation.formats.vspw import (
    MAX_CLASSES,
    NUM_CLASSES,
    read_vspw_gt,
    read_vspw_pred,
    read_vspw_split,
    vspw_labels,
)
from videoseg.evaluation.functional.joint_histogram import JointHistogram, joint_histogram
from videoseg.evaluation.functional.semantic_iou import SemanticIoU
from videoseg.evaluation.functional.video_consistency import VideoConsistency

LABEL_FILE = 'label_num_dic_final.json'


class VSPWBenchmark(BaseBenchmark):
    """``data/<video>/mask/<frame>.png`` of the videos in ``<split>.txt``, against ``<video>/<frame>.png``.

    Args:
        gt: The data set: folder of ``data`` and ``<split>.txt``.
        pred: Folder of the predictions: class indices from 0, no void.
        metrics: Some of vss, vc. Default both.
        windows: Numbers of frames of video consistency. Default 8, 16.
        options: ``class_average`` ('gt', or 'union' as mmseg) and ``pred_void`` ('error', or 'miss') of
            :class:`SemanticIoU`; ``vc_last_window`` and ``vc_pooled``, ``last_window`` and ``pooled`` of
            :class:`VideoConsistency`, false.
        classes: Json of the class names: VSPW's ``{name: value in the masks}``, or a list of ``{id, name, isthing}``
            with class indices. Default: ``label_num_dic_final.json`` beside ``data``, else 124 generic names.
        split: Name of the list. Default ``'val'``.

    Raises:
        FileNotFoundError: If a list, a folder or a frame of the ground truth is missing.
        ValueError: If predictions lack a video or frame or have more, or an argument is wrong.
    """

    available = ('vss', 'vc')
    default_metrics = ('vss', 'vc')
    default_options: ClassVar[Mapping[str, Any]] = dict(
        class_average='gt', pred_void='error', vc_last_window=False, vc_pooled=False
    )

    def __init__(
        self,
        gt: str | Path,
        pred: str | Path,
        metrics: Sequence[str] | None = None,
        windows: Sequence[int] | None = None,
        options: Mapping[str, Any] | None = None,
        classes: str | Path | None = None,
        split: str = 'val',
    ) -> None:
        super().__init__(gt, pred, metrics, windows, options)
        self.split = split
        label_file = self.gt / LABEL_FILE
        if classes is None and label_file.is_file():
            classes = label_file
        self._classes = read_vspw_classes(classes) if classes else _generic(NUM_CLASSES)
        self.build_statistics()  # wrong options are found before anything is read
        names = read_vspw_split(self.gt / f'{split}.txt')
        self.frames = {name: _frames(self.gt / 'data' / name / 'mask', name) for name in names}
        found = list_folders(self.pred) if self.pred.is_dir() else []
        check_same_names(names, found, f'{self.pred}: video')
        for name, frames in self.frames.items():
            check_same_names(frames, list_pngs(self.pred / name), f'{self.pred}: video {name!r}, frame')

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, index = class index."""
        return self._classes

    @property
    def videos(self) -> Mapping[str, int]:
        """Video -> number of frames, in the order of the list."""
        return {name: len(frames) for name, frames in self.frames.items()}

    @property
    def protocol(self) -> dict[str, Any]:
        """See :class:`BaseBenchmark`; and the split."""
        return {**super().protocol, 'split': self.split}

    def build_statistics(self) -> Statistics:
        """Empty statistics of the chosen metrics."""
        options = self.options
        windows = dict(windows=self.windows) if self.windows else {}
        made = dict(
            vss=SemanticIoU(len(self.classes), options['class_average'], options['pred_void'], divisor=1),
            vc=VideoConsistency(**windows, last_window=options['vc_last_window'], pooled=options['vc_pooled']),
        )
        return {name: made[name] for name in self.metrics}

    def score_video(self, video_id: str, statistics: Statistics) -> None:
        """Read one video; the few values of its histograms are translated, not its pixels."""
        for index, name in enumerate(self.frames[video_id]):
            with frame_errors(video_id, name):
                gt = read_vspw_gt(self.gt / 'data' / video_id / 'mask' / f'{name}.png', None, len(self.classes))
                pred = read_vspw_pred(
                    self.pred / video_id / f'{name}.png',
                    gt.shape,
                    len(self.classes),
                    self.options['pred_void'] == 'miss',
                )
                if 'vss' in statistics:
                    raw = joint_histogram(gt, pred)
                    labels = JointHistogram(vspw_labels(raw.gt_ids), raw.pred_ids, raw.counts)
                    statistics['vss'].update(video_id, index, labels)
                if 'vc' in statistics:
                    statistics['vc'].update(video_id, index, gt, pred)


def read_vspw_classes(path: str | Path) -> tuple[str, ...]:
    """Class names from a json, see :class:`VSPWBenchmark`; indices that it does not name get generic names.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such json.
    """
    content = read_json(path)
    if isinstance(content, dict):
        if bad := [name for name, value in content.items() if type(value) is not int]:
            raise ValueError(f'{path}: the value of {bad[0]!r} is no integer; expected {{name: value in the masks}}')
        named = {value - 1: name for name, value in content.items() if value not in (0, 255)}
        if twice := [name for name, value in content.items() if named.get(value - 1, name) != name]:
            raise ValueError(f'{path}: {twice[0]!r} has the value {content[twice[0]]} of another class')
    else:
        table = ClassTable.from_entries(content, str(path))
        named = dict(zip(table.ids, table.names, strict=True))
    if not named or not all(0 <= index < MAX_CLASSES for index in named):
        raise ValueError(f'{path}: class indices must be in [0, {MAX_CLASSES}), got {sorted(named)[:5]} ...')
    names = list(_generic(max(named) + 1))
    for index, name in named.items():
        names[index] = name
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f'{path}: class name {twice[0]!r} is there twice')
    return tuple(names)


def _generic(count: int) -> tuple[str, ...]:
    return tuple(f'class_{index:03d}' for index in range(count))


def _frames(folder: Path, video_id: str) -> list[str]:
    """Names of the masks of a video without suffix, in time order."""
    names = list_pngs(folder)
    if not names:
        raise FileNotFoundError(f'{folder}: no masks of video {video_id!r} there')
    return names
