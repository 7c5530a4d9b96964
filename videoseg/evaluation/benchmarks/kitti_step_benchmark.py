"""KITTI-STEP and MOTChallenge-STEP."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from videoseg.evaluation.benchmarks.base_benchmark import Statistics
from videoseg.evaluation.benchmarks.frame_errors import check_same_names, frame_errors
from videoseg.evaluation.benchmarks.panoptic_benchmark import PanopticBenchmark
from videoseg.evaluation.formats import ClassTable, KittiStep
from videoseg.evaluation.formats.files import list_folders, list_pngs
from videoseg.evaluation.functional import JointHistogram, joint_histogram
from videoseg.structures.ids import DIVISOR

THINGS = (11, 13)
"""Train ids of person and car."""


class KittiStepBenchmark(PanopticBenchmark):
    """Folders of ``<sequence>/<frame>.png`` (:class:`KittiStep`), ground truth and predictions alike.

    STQ as deeplab2 has it, VPQ with the json rules (crowd is ignored) over windows 1, 2, 4, 6. Video K-Net's numbers:
    ``void_pixels=drop``, ``rules=label_divisor``, ``class_average=all``.

    Args:
        gt: For example ``panoptic_maps/val``.
        pred: Folder of the predictions.
        metrics: Some of stq, vpq, pq, vss, vc. Default stq, vpq.
        windows: Window sizes. Default 1, 2, 4, 6.
        options: See :class:`PanopticBenchmark`; and ``void_raw_id``, class of void pixels, 255.
        classes: The classes, or a json list of ``{id, name, isthing}``. Default: the 19 Cityscapes classes, person and
            car are things.
    """

    default_options: ClassVar[Mapping[str, Any]] = {**PanopticBenchmark.default_options, 'void_raw_id': 255}

    def __init__(
        self,
        gt: str | Path,
        pred: str | Path,
        metrics: Sequence[str] | None = None,
        windows: Sequence[int] | None = None,
        options: Mapping[str, Any] | None = None,
        classes: ClassTable | str | Path | None = None,
    ) -> None:
        super().__init__(gt, pred, metrics, windows, options)
        if not isinstance(classes, ClassTable):
            classes = ClassTable.from_file(classes) if classes else ClassTable.cityscapes(THINGS)
        self.table = classes
        self.step = KittiStep(self.table.ids, self.options['void_raw_id'])
        self.frames = list_frames(self.gt)
        if not self.frames:
            raise FileNotFoundError(f'{self.gt}: no <sequence>/<frame>.png there')
        pred_frames = list_frames(self.pred)
        check_same_names(list(self.frames), list(pred_frames), f'{self.pred}: video')
        for video_id, names in self.frames.items():
            check_same_names(names, pred_frames[video_id], f'{self.pred}: video {video_id!r}, frame')

    @property
    def videos(self) -> Mapping[str, int]:
        """Sequence -> number of frames."""
        return {video_id: len(names) for video_id, names in self.frames.items()}

    def score_video(self, video_id: str, statistics: Statistics) -> None:
        """Read one sequence; the few ids of its histograms are translated, not its pixels."""
        for index, name in enumerate(self.frames[video_id]):
            with frame_errors(video_id, name):
                paths = [folder / video_id / f'{name}.png' for folder in (self.gt, self.pred)]
                gt = self.step.read_raw(paths[0])
                pred = self.step.read_raw(paths[1], gt.shape)
                raw = joint_histogram(gt, pred)
                ids = [self.step.to_labels(x, path) for x, path in zip((raw.gt_ids, raw.pred_ids), paths, strict=True)]
                histogram = JointHistogram.sum([raw.relabel(*ids)])  # void of any instance is one id
                self.count_ids(video_id, index, histogram, statistics)
                for metric in ('vpq', 'pq'):
                    if metric in statistics:
                        statistics[metric].update(video_id, index, histogram)
                if 'vc' in statistics:
                    statistics['vc'].update(video_id, index, gt // DIVISOR, pred // DIVISOR)


def list_frames(folder: Path) -> dict[str, list[str]]:
    """Sub-folder -> names of its PNGs without suffix, both in natural order; those without PNG are left out."""
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder}: is no folder of <sequence>/<frame>.png')
    found = {name: list_pngs(folder / name) for name in list_folders(folder)}
    return {name: frames for name, frames in found.items() if frames}
