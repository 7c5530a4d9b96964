"""Several training sets as one."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from videoseg.datasets.label_map import LabelMap
from videoseg.datasets.random_state import derive_seed
from videoseg.datasets.samplers.index import DrawIndex, WindowIndex
from videoseg.registry import DATASETS

_SAME = ('classes', 'num_things')


@DATASETS.register_module()
class ClipConcatDataset(Dataset):
    """Train on several data sets at once, each with its own pipeline: real clips beside pseudo clips of images.

    A sample is a pure function of its ``DrawIndex``, as in a single data set, whatever the number of workers or
    processes, so order and resume are those of ``ClipSampler``; of an integer alone it is not, as everywhere.

    How often a data set is seen in a pass is set by ``repeats`` or ``weights``. Of 2.5 repeats two are all key frames,
    in order; the rest stands for blocks of key frames next to each other, of which the seed of the sample chooses one
    frame.

    mmengine's ``ConcatDataset`` does not serve here: it takes bare integers, has no weights, and asks for equal
    metainfo in full, where names of data sets and raw ids may differ.

    Args:
        datasets: Configs of training sets, or the sets themselves. Their pipelines must end in clips that a batch can
            hold together. ``classes`` and ``num_things`` of their metainfo must be equal, see ``class_map`` of
            :class:`BaseVideoInstanceDataset` for different ones.
        repeats: How often each data set is in a pass. Default: once each.
        weights: Instead, share of each data set in a pass, on any scale. The pass is so long that each is in it at
            least once.
        lazy_init: Look at the disk later, on ``full_init``.

    Raises:
        TypeError: If one is no data set of clips.
        ValueError: If there is none, a number does not fit, one is a test set, or classes differ.
    """

    def __init__(
        self,
        datasets: Sequence[Mapping[str, Any] | Dataset],
        repeats: Sequence[float] | None = None,
        weights: Sequence[float] | None = None,
        lazy_init: bool = False,
    ) -> None:
        name = type(self).__name__
        if not datasets:
            raise ValueError(f'{name}: datasets is empty')
        if repeats is not None and weights is not None:
            raise ValueError(f'{name}: give repeats or weights, not both')
        for key, numbers in (('repeats', repeats), ('weights', weights)):
            if numbers is not None and (len(numbers) != len(datasets) or min(numbers) <= 0):
                raise ValueError(
                    f'{name}: {key} must be {len(datasets)} numbers above 0, one a data set, got {tuple(numbers)}'
                )
        # built without looking at the disk, so that errors of the arguments come first
        self.datasets = [DATASETS.build(dict(x, lazy_init=True)) if isinstance(x, Mapping) else x for x in datasets]
        for number, dataset in enumerate(self.datasets):
            if not isinstance(getattr(dataset, 'label_map', None), LabelMap):
                raise TypeError(f'{name}: datasets[{number}] ({type(dataset).__name__}) is no data set of clips')
            if getattr(dataset, 'test_mode', False):
                raise ValueError(f'{name}: datasets[{number}] has test_mode=True; only training sets are joined')
        self._repeats, self._weights = repeats, weights
        self._counts: np.ndarray | None = None
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        """Look at the disk, unless that was done already.

        Raises:
            FileNotFoundError, ValueError: As the data sets, or if one is empty or their classes differ.
        """
        if self._counts is not None:
            return
        for dataset in self.datasets:
            dataset.full_init()
        self._check_classes()
        sizes = np.array([len(dataset) for dataset in self.datasets])
        if not sizes.all():
            raise ValueError(f'{type(self).__name__}: {self._name(int(sizes.argmin()))} has no key frames')
        factors = np.ones(len(sizes)) if self._repeats is None else np.array(self._repeats, float)
        if self._weights is not None:
            weights = np.array(self._weights, float)
            factors = weights / sizes * (sizes / weights).max()
        self._sizes, self._counts = sizes, np.maximum(np.rint(sizes * factors).astype(np.int64), 1)
        self._starts = np.concatenate([[0], np.cumsum(self._counts)])

    def _check_classes(self) -> None:
        first = self.datasets[0].metainfo
        for number, dataset in enumerate(self.datasets[1:], start=1):
            for key in _SAME:
                ours, theirs = first[key], dataset.metainfo[key]
                if (tuple(ours) != tuple(theirs)) if key == 'classes' else ours != theirs:
                    raise ValueError(
                        f'{type(self).__name__}: {self._name(number)} has {key} {_shown(theirs)}, {self._name(0)} has '
                        f'{_shown(ours)}; give all the same metainfo.classes, or join categories with class_map'
                    )

    def _name(self, number: int) -> str:
        dataset = self.datasets[number]
        return f'datasets[{number}] ({dataset.metainfo.get("name", type(dataset).__name__)})'

    @property
    def metainfo(self) -> dict[str, Any]:
        """That of the first data set."""
        return self.datasets[0].metainfo

    @property
    def label_map(self) -> LabelMap:
        """That of the first data set; its raw ids are not those of the others."""
        return self.datasets[0].label_map

    @property
    def counts(self) -> tuple[int, ...]:
        """Samples of each data set in a pass."""
        self.full_init()
        return tuple(self._counts.tolist())

    def __len__(self) -> int:
        """Samples in a pass over all data sets."""
        return sum(self.counts)

    def __getitem__(self, index: int | DrawIndex) -> dict[str, Any]:
        """Load one clip.

        Raises:
            IndexError: If there is no such sample.
            TypeError: If it is the index of a test window.
            RuntimeError: If a data set rejects its samples.
        """
        return self._ask(index, lambda dataset, key: dataset[key])

    def get_data_info(self, index: int | DrawIndex) -> dict[str, Any]:
        """What goes into the pipeline of the sample's data set.

        Raises:
            IndexError, TypeError: As :meth:`__getitem__`.
        """
        return self._ask(index, lambda dataset, key: dataset.get_data_info(key))

    def locate(self, index: int, seed: int | None = None) -> tuple[int, int]:
        """Where a sample comes from.

        Args:
            index: Its number in the pass; negative ones count from the end.
            seed: Seed of its draws; without one the first key frame of a block is taken.

        Returns:
            Number of the data set and of the key frame in it.

        Raises:
            IndexError: If there is no such sample.
        """
        number = operator.index(index)
        number += len(self) if number < 0 else 0
        if not 0 <= number < len(self):
            raise IndexError(f'{type(self).__name__}: sample {index} of {len(self)}')
        which = int(np.searchsorted(self._starts, number, side='right')) - 1
        size, count = int(self._sizes[which]), int(self._counts[which])
        number -= int(self._starts[which])
        whole, rest = divmod(count, size)
        if number < whole * size:
            return which, number % size
        block = number - whole * size
        first, stop = block * size // rest, (block + 1) * size // rest
        return which, first + (0 if seed is None else derive_seed(seed, number) % (stop - first))

    def _ask(self, index: int | DrawIndex, question: Callable[[Dataset, int | DrawIndex], Any]) -> Any:
        if isinstance(index, WindowIndex):
            raise TypeError(f'{type(self).__name__}: got {index}; it holds training sets only, use ClipSampler')
        if isinstance(index, DrawIndex):
            which, key = self.locate(index.index, index.seed)
            return question(self.datasets[which], DrawIndex(key, index.seed))
        which, key = self.locate(index)
        return question(self.datasets[which], key)


def _shown(value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    return f'{len(value)} ({", ".join(value[:8])}{" ..." if len(value) > 8 else ""})'
