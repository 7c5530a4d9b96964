"""The training sampler."""

import math
from collections.abc import Iterator, Sized

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from videoseg.datasets.random_state import derive_seed
from videoseg.datasets.samplers.index import DrawIndex
from videoseg.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class ClipSampler(Sampler):
    """Key frames in an order that depends on the seed and the epoch alone.

    The global order is cut among processes in strides (rank r takes positions r, r + world size, ...). Hence batch i
    of one process with batch size 2n holds the samples of batch i of two processes with batch size n, and the order of
    a resumed run is that of the uninterrupted one. With every index goes the seed of all its augmentation draws, so the
    samples do not depend on the number of workers either.

    Args:
        dataset: The data set; ``len`` counts key frames.
        seed: Seed of order and augmentation, the same in all processes; None draws one and shares it.
        shuffle: Shuffle every pass over the data.
        infinite: Never end (for mmengine's ``IterBasedTrainLoop``); otherwise an epoch is ``repeat`` passes.
        repeat: Passes over the data that make an epoch (the reference's ``RepeatDataset``).

    Raises:
        ValueError: If the data set is empty, ``repeat`` < 1 or the seed is negative.
    """

    def __init__(
        self, dataset: Sized, seed: int | None = None, shuffle: bool = True, infinite: bool = False, repeat: int = 1
    ) -> None:
        if len(dataset) == 0:
            raise ValueError('ClipSampler: the data set has no key frames')
        if repeat < 1:
            raise ValueError(f'ClipSampler: repeat must be at least 1, got {repeat}')
        seed = sync_random_seed() if seed is None else seed
        if seed < 0:
            raise ValueError(f'ClipSampler: seed must not be negative, got {seed}')
        self.dataset = dataset
        self.seed = int(seed)
        self.shuffle = shuffle
        self.infinite = infinite
        self.repeat = repeat
        self.rank, self.world_size = get_dist_info()
        self.epoch = 0
        self._start = 0
        self._order: tuple[int, np.ndarray] | None = None

    def __len__(self) -> int:
        """Samples of this process in an epoch; a remainder is filled up from the front of the epoch's order."""
        return math.ceil(len(self.dataset) * self.repeat / self.world_size)

    def __iter__(self) -> Iterator[DrawIndex]:
        """Start (or go on with) the current epoch."""
        # Not a generator itself: position and epoch are fixed when the loader asks, not when it first draws.
        start, self._start = self._start, 0
        return self._draws(self.epoch, start)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration; a position set by :meth:`skip` in the same epoch is kept.

        An infinite sampler counts on by itself and ignores this.
        """
        if self.infinite or epoch == self.epoch:
            return
        self.epoch = epoch
        self._start = 0

    def skip(self, num_samples: int) -> None:
        """Go to an absolute position, at no cost: the contract of mmengine's ``InfiniteSampler.skip``.

        Args:
            num_samples: Samples that this process has consumed since training began (iterations x batch size). Without
                ``infinite`` it may end inside an epoch: the next iteration gives the rest of that epoch.

        Raises:
            ValueError: If it is negative.
        """
        if num_samples < 0:
            raise ValueError(f'ClipSampler: cannot skip {num_samples} samples')
        if self.infinite:
            self._start = num_samples
        else:
            self.epoch, self._start = divmod(num_samples, len(self))

    def _draws(self, epoch: int, start: int) -> Iterator[DrawIndex]:
        size, passes = len(self.dataset), self.repeat
        position = self.rank + start * self.world_size
        last = math.inf if self.infinite else len(self) * self.world_size
        while position < last:
            inside = position if self.infinite else position % (size * passes)
            number, offset = divmod(inside, size)
            number += 0 if self.infinite else epoch * passes
            index = int(self._pass_order(number)[offset])
            yield DrawIndex(index, derive_seed(self.seed, number, index))
            position += self.world_size

    def _pass_order(self, number: int) -> np.ndarray:
        """Order of the key frames in the ``number``-th pass over the data."""
        if self._order is None or self._order[0] != number:
            size = len(self.dataset)
            order = np.random.default_rng([self.seed, number]).permutation(size) if self.shuffle else np.arange(size)
            self._order = number, order
        return self._order[1]
