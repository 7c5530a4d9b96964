"""Epoch-based training that resumes exactly, also in the middle of an epoch."""

from typing import Any

from mmengine.runner import EpochBasedTrainLoop

from videoseg.engine.batches import index_sampler, is_infinite, start_dataloader
from videoseg.registry import LOOPS


@LOOPS.register_module()
class ResumableEpochLoop(EpochBasedTrainLoop):
    """mmengine's loop whose first epoch after a resume starts at the batch where the checkpoint was made.

    Takes the arguments of ``EpochBasedTrainLoop``.

    Raises:
        ValueError: If the sampler is infinite, so that an epoch would never end.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_infinite(index_sampler(self.dataloader)):
            raise ValueError('train_dataloader.sampler is infinite: an epoch would never end; use ResumableIterLoop')

    def run_epoch(self) -> None:
        """Iterate (the rest of) one epoch.

        Raises:
            ValueError: If the resumed iteration does not lie in the resumed epoch.
        """
        first = self._iter - self._epoch * len(self.dataloader)
        if not 0 <= first <= len(self.dataloader):
            raise ValueError(
                f'iteration {self._iter} is not in epoch {self._epoch} of {len(self.dataloader)} iterations: the data '
                'set, the batch size or the number of processes differs from the run that is resumed'
            )
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        for index, data_batch in enumerate(start_dataloader(self.dataloader, self._epoch, first), start=first):
            self.run_iter(index, data_batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
