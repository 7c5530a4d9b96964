"""Pictures and videos of test results."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmdet.structures import DetDataSample
from mmengine.hooks import Hook
from mmengine.runner import Runner

from videoseg.registry import HOOKS, VISUALIZERS


@HOOKS.register_module()
class VideoVisualizationHook(Hook):
    """Hands the frame results of testing and validation to a recorder that draws them.

    ``tools/test.py --show-dir DIR`` switches it on. Videos are split over processes, so every process draws its own.
    Each round of validation replaces the pictures of the one before.

    Args:
        show_dir: Folder of the pictures; None does nothing.
        recorder: The recorder's config, with any of its arguments but ``out_dir`` and ``metainfo``.
    """

    priority = 'NORMAL'

    def __init__(self, show_dir: str | None = None, recorder: Mapping[str, Any] | None = None) -> None:
        self.show_dir = show_dir
        self.recorder_cfg = {'type': 'VideoRecorder', **(recorder or {})}
        self._recorder: Any = None

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Sequence[DetDataSample] | None = None
    ) -> None:
        """Draw the frames of one batch of windows, in their order."""
        self._draw(outputs, lambda: runner.test_dataloader)

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Sequence[DetDataSample] | None = None
    ) -> None:
        """Draw the frames of one batch of windows, in their order."""
        self._draw(outputs, lambda: runner.val_dataloader)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Close what is still open."""
        self._close()

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Close what is still open."""
        self._close()

    def _draw(self, outputs: Sequence[DetDataSample] | None, dataloader: Any) -> None:
        if self.show_dir is None:
            return
        if self._recorder is None:
            metainfo = dataloader().dataset.metainfo
            self._recorder = VISUALIZERS.build({**self.recorder_cfg, 'out_dir': self.show_dir, 'metainfo': metainfo})
        for sample in outputs or ():
            self._recorder.add(sample)

    def _close(self) -> None:
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None
