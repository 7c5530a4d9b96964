"""What every on-disk layout offers to the writer."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from videoseg.datasets.synthetic.layouts.sequence_info import SequenceInfo
from videoseg.datasets.synthetic.presets import SYNTHETIC_METAINFO
from videoseg.datasets.synthetic.rendered_frame import RenderedFrame

RECORD_FOLDER = '.records'


class BaseLayout(ABC):
    """Files of a data set as functions of the scenes; knows nothing of the disk. All paths are relative, with '/'.

    A layout with jsons over many sequences sets ``has_records`` and describes every frame
    (:meth:`describe_frame`). The writer keeps the descriptions of a sequence as one of its files, in a hidden folder,
    so that the jsons can be made at any time without rendering anything again (:meth:`summary_files`).

    Attributes:
        name: Name on the command line and in ``synthetic.json``.
        default_frames: Frames of a sequence that the layout asks for. Default: those of the preset.
        min_frames: Least frames of a sequence.
        has_records: Whether frames are described.
        metainfo: For the data set class that reads the layout: ``classes`` (model labels: things first),
            ``num_things``, ``raw_ids`` (class id on disk of every label), ``palette``.
    """

    name: ClassVar[str]
    default_frames: ClassVar[int | None] = None
    min_frames: ClassVar[int] = 1
    has_records: ClassVar[bool] = False
    metainfo: ClassVar[dict[str, Any]] = SYNTHETIC_METAINFO

    def folders(self, sequence: SequenceInfo) -> tuple[str, ...]:
        """Folders that hold nothing but frames of this sequence, in the order of being put in place. Default: none."""
        return ()

    @abstractmethod
    def frame_paths(self, sequence: SequenceInfo, time: int) -> tuple[str, ...]:
        """Files of a frame."""

    @abstractmethod
    def encode_frame(self, sequence: SequenceInfo, time: int, frame: RenderedFrame) -> dict[str, bytes]:
        """Contents of the files of a frame, with exactly the keys :meth:`frame_paths`.

        Raises:
            ValueError: If the layout cannot hold the frame.
        """

    def describe_frame(self, sequence: SequenceInfo, time: int, frame: RenderedFrame) -> Any:
        """The frame's part of the jsons, as plain json; asked for only if ``has_records``."""
        raise NotImplementedError(f'{type(self).__name__} sets has_records but describes no frames')

    def summary_paths(self, split: str) -> tuple[str, ...]:
        """Files over all sequences of a split. Default: none."""
        return ()

    def summary_files(
        self, split: str, sequences: Sequence[SequenceInfo], records: Sequence[list[Any]]
    ) -> dict[str, bytes]:
        """Contents of the files over all sequences of a split.

        Args:
            split: 'train' or 'val'.
            sequences: All sequences of the split, in order.
            records: For each sequence what :meth:`describe_frame` gave for its frames; empty without records.

        Returns:
            Path -> content, with exactly the keys :meth:`summary_paths`.
        """
        return {}

    def common_files(self) -> dict[str, bytes]:
        """Files that do not depend on the scenes, such as a list of classes. Default: none."""
        return {}

    def record_path(self, sequence: SequenceInfo) -> str:
        """Hidden file with the descriptions of a sequence's frames."""
        return f'{RECORD_FOLDER}/{sequence.split}/{sequence.name}.json'

    def files(self, sequence: SequenceInfo) -> list[str]:
        """All files of a sequence."""
        paths = [path for time in range(sequence.num_frames) for path in self.frame_paths(sequence, time)]
        return [*paths, self.record_path(sequence)] if self.has_records else paths
