"""Starting a training dataloader in the middle of its stream."""

from collections.abc import Iterator
from typing import Any

import torch
from mmengine.dataset import InfiniteSampler
from torch.utils.data import DataLoader, Sampler


def index_sampler(dataloader: DataLoader) -> Sampler:
    """The sampler that yields single indices, also behind a custom batch sampler."""
    batch_sampler = dataloader.batch_sampler
    return getattr(batch_sampler, 'sampler', batch_sampler) or dataloader.sampler


def is_infinite(sampler: Sampler) -> bool:
    """Whether a sampler never ends an epoch."""
    return getattr(sampler, 'infinite', isinstance(sampler, InfiniteSampler))


def start_dataloader(dataloader: DataLoader, epoch: int, batch: int) -> Iterator[Any]:
    """Iterate one epoch from its n-th batch on, without reading the data before it.

    The sampler has ``set_epoch(epoch)`` and ``skip(num_samples)``, which goes to an absolute position: samples of this
    process since training began (the contract of mmengine's ``InfiniteSampler.skip``). The global random generators
    are left alone: a dataloader draws a seed for its workers whenever it is iterated, and a resumed run would be one
    draw ahead.

    Args:
        dataloader: Dataloader with a fixed batch size.
        epoch: Epoch to iterate, counted from 0.
        batch: First batch to yield, counted from 0; nothing is yielded if it is the length of the dataloader.

    Raises:
        TypeError: If batches must be skipped and the sampler cannot skip.
    """
    sampler = index_sampler(dataloader)
    if is_infinite(sampler):
        position = (epoch * len(dataloader) + batch) * dataloader.batch_sampler.batch_size
    else:
        if batch >= len(dataloader):
            return iter(())
        if hasattr(sampler, 'set_epoch'):
            sampler.set_epoch(epoch)
        position = epoch * len(sampler) + batch * dataloader.batch_sampler.batch_size if batch else 0
    if position:
        if not hasattr(sampler, 'skip'):
            raise TypeError(
                f'train_dataloader.sampler: a {type(sampler).__name__} cannot start in the middle of an epoch, where '
                'this run is to be resumed. Use ClipSampler, or resume from a checkpoint of the end of an epoch.'
            )
        sampler.skip(position)
    if dataloader.generator is None:
        dataloader.generator = torch.Generator()
    dataloader.generator.manual_seed(epoch)
    return iter(dataloader)


class EndlessBatches:
    """Batches of all epochs in a row, starting at any one of them.

    Args:
        dataloader: Training dataloader; see :func:`start_dataloader`.

    Raises:
        ValueError: If the dataloader has no batch at all.
    """

    def __init__(self, dataloader: DataLoader) -> None:
        if len(dataloader) == 0:
            raise ValueError(
                f'train_dataloader: {len(dataloader.dataset)} samples make no batch of '
                f'{dataloader.batch_sampler.batch_size} in each process; reduce the batch size'
            )
        self._dataloader = dataloader
        self._batches: Iterator[Any] | None = None
        self._position = 0

    def __iter__(self) -> 'EndlessBatches':
        return self

    def __next__(self) -> Any:
        while True:
            if self._batches is None:
                self._batches = start_dataloader(self._dataloader, *divmod(self._position, len(self._dataloader)))
            try:
                batch = next(self._batches)
            except StopIteration:
                self._batches = None
                continue
            self._position += 1
            return batch

    def skip_iter(self, num_iters: int) -> None:
        """Continue after ``num_iters`` batches from the very beginning; reads nothing."""
        self._batches = None
        self._position = num_iters
