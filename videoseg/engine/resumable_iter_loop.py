"""Iteration-based training that resumes exactly."""

from typing import Any

from mmengine.runner import IterBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from videoseg.engine.batches import EndlessBatches
from videoseg.registry import LOOPS


@LOOPS.register_module()
class ResumableIterLoop(IterBasedTrainLoop):
    """mmengine's loop over any finite sampler, entered at any iteration without reading the data before it.

    The original expects an endless sampler, sleeps between epochs, and on resume reads and discards all earlier data
    of a sampler without ``skip``.

    Args:
        runner: The runner.
        dataloader: Training dataloader or its config.
        max_iters: Iterations to train.
        val_begin: First iteration with validation.
        val_interval: Iterations between two validations.
        dynamic_intervals: (milestone, interval) pairs that change ``val_interval``.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        max_iters: int,
        val_begin: int = 1,
        val_interval: int = 1000,
        dynamic_intervals: list[tuple[int, int]] | None = None,
    ) -> None:
        super().__init__(runner, dataloader, max_iters, val_begin, val_interval, dynamic_intervals)
        self.dataloader_iterator: Any = EndlessBatches(self.dataloader)
