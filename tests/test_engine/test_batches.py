import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from torch.utils.data import DataLoader

from videoseg.datasets.samplers import ClipSampler
from videoseg.engine.batches import EndlessBatches, start_dataloader


class _Data:
    def __init__(self):
        self.read = []

    def __len__(self):
        return 7

    def __getitem__(self, index):
        self.read.append(index)
        return tuple(index) if isinstance(index, tuple) else index


def _loader(data, sampler=None, **kwargs):
    sampler = sampler or ClipSampler(data, seed=3)
    return DataLoader(data, batch_size=2, sampler=sampler, collate_fn=list, **kwargs)


@pytest.mark.parametrize('drop_last', [False, True])
@pytest.mark.parametrize('start', [0, 1, 3, 4, 5, 9])
def test_any_position_is_reached_without_reading_data(drop_last, start):
    data = _Data()
    whole = EndlessBatches(_loader(data, drop_last=drop_last))
    batches = [next(whole) for _ in range(12)]
    data.read.clear()
    resumed = EndlessBatches(_loader(data, drop_last=drop_last))
    resumed.skip_iter(start)
    assert data.read == []
    assert [next(resumed) for _ in range(12 - start)] == batches[start:]


@pytest.mark.parametrize('workers', [0, 2])
def test_one_epoch_from_the_middle(workers):
    data = _Data()
    kwargs = {'num_workers': workers, 'persistent_workers': bool(workers)}
    loader = _loader(data, **kwargs)
    second = list(start_dataloader(loader, 1, 0))
    assert len(second) == 4 and second != list(start_dataloader(loader, 0, 0))
    assert list(start_dataloader(_loader(data, **kwargs), 1, 2)) == second[2:]
    assert list(start_dataloader(loader, 1, 4)) == []


def test_endless_samplers():
    data = _Data()
    for sampler in (lambda: ClipSampler(data, seed=3, infinite=True), lambda: InfiniteSampler(data, seed=3)):
        whole = EndlessBatches(_loader(data, sampler()))
        batches = [next(whole) for _ in range(9)]
        resumed = EndlessBatches(_loader(data, sampler()))
        resumed.skip_iter(5)
        assert [next(resumed) for _ in range(4)] == batches[5:]


def test_other_samplers_start_at_epochs_only():
    data = _Data()
    whole = EndlessBatches(_loader(data, DefaultSampler(data, seed=3)))
    batches = [next(whole) for _ in range(8)]
    resumed = EndlessBatches(_loader(data, DefaultSampler(data, seed=3)))
    resumed.skip_iter(4)
    assert [next(resumed) for _ in range(4)] == batches[4:]
    resumed.skip_iter(5)
    with pytest.raises(TypeError, match='DefaultSampler cannot start in the middle'):
        next(resumed)


def test_iterating_leaves_the_global_generator_alone():
    torch.manual_seed(0)
    wanted = torch.rand(2)
    torch.manual_seed(0)
    list(start_dataloader(_loader(_Data()), 0, 0))
    assert torch.equal(torch.rand(2), wanted)


def test_no_batch_at_all():
    data = _Data()
    loader = DataLoader(data, batch_size=9, sampler=ClipSampler(data, seed=0), drop_last=True)
    with pytest.raises(ValueError, match='7 samples make no batch of 9'):
        EndlessBatches(loader)
