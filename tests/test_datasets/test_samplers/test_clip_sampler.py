import itertools
from collections import Counter

import pytest

from videoseg.datasets.samplers import ClipSampler, DrawIndex


@pytest.fixture
def sampler(monkeypatch):
    """Make the sampler of one of several processes."""

    def make(size: int, rank: int = 0, world_size: int = 1, **kwargs) -> ClipSampler:
        monkeypatch.setattr('videoseg.datasets.samplers.clip_sampler.get_dist_info', lambda: (rank, world_size))
        return ClipSampler(range(size), **dict(seed=5) | kwargs)

    return make


def take(sampler, count: int) -> list[DrawIndex]:
    return list(itertools.islice(iter(sampler), count))


def test_an_epoch_holds_every_key_frame_once(sampler):
    one = sampler(11)
    draws = list(one)
    assert len(one) == len(draws) == 11 and sorted(d.index for d in draws) == list(range(11))
    assert len({d.seed for d in draws}) == 11
    assert [d.index for d in sampler(4, shuffle=False)] == [0, 1, 2, 3]


def test_order_and_seeds_depend_on_seed_and_epoch_only(sampler):
    one, same, other = sampler(20), sampler(20), sampler(20, seed=6)
    first = list(one)
    assert first == list(same) == list(one) != list(other)
    one.set_epoch(1)
    second = list(one)
    assert [d.index for d in second] != [d.index for d in first]
    assert {d.seed for d in second}.isdisjoint(d.seed for d in first)
    one.set_epoch(0)
    assert list(one) == first


@pytest.mark.parametrize('infinite', [False, True])
def test_two_processes_with_batch_2_are_one_with_batch_4(sampler, infinite):
    whole = take(sampler(12, infinite=infinite), 12)
    parts = [take(sampler(12, rank, 2, infinite=infinite), 6) for rank in range(2)]
    for i in range(3):
        union = [draw for pair in zip(*(part[2 * i : 2 * i + 2] for part in parts), strict=True) for draw in pair]
        assert union == whole[4 * i : 4 * i + 4]


@pytest.mark.parametrize('world_size', [1, 2, 3, 4, 7, 16])
def test_processes_share_an_epoch(sampler, world_size):
    parts = [list(sampler(10, rank, world_size)) for rank in range(world_size)]
    assert {len(p) for p in parts} == {len(sampler(10, 0, world_size))}
    counts = Counter(d.index for part in parts for d in part)
    assert set(counts) == set(range(10))
    # Filled up to equal lengths from the front of the order, and no further.
    assert sum(counts.values()) == -(-10 // world_size) * world_size and max(counts.values()) <= 2


def test_repeat_is_several_passes(sampler):
    draws = list(sampler(5, repeat=3))
    assert [sorted(d.index for d in draws[i : i + 5]) for i in (0, 5, 10)] == [list(range(5))] * 3
    assert len({d.seed for d in draws}) == 15
    second = sampler(5, repeat=3)
    second.set_epoch(1)
    assert {d.seed for d in second}.isdisjoint(d.seed for d in draws)


def test_infinite_goes_on_with_new_passes(sampler):
    draws = take(sampler(5, infinite=True), 15)
    assert [sorted(d.index for d in draws[i : i + 5]) for i in (0, 5, 10)] == [list(range(5))] * 3
    assert len({d.seed for d in draws}) == 15


@pytest.mark.parametrize(('rank', 'world_size'), [(0, 1), (1, 2)])
@pytest.mark.parametrize('done', [0, 3, 5, 12, 100])
def test_infinite_resumes_at_any_sample(sampler, rank, world_size, done):
    whole = take(sampler(9, rank, world_size, infinite=True), done + 20)
    resumed = sampler(9, rank, world_size, infinite=True)
    resumed.skip(done)
    resumed.set_epoch(4)
    assert take(resumed, 20) == whole[done:]


@pytest.mark.parametrize('repeat', [1, 2])
@pytest.mark.parametrize('done', [0, 4, 8, 13])
def test_epochs_resume_in_the_middle(sampler, done, repeat):
    whole, reference = [], sampler(7, 1, 2, repeat=repeat)
    for epoch in range(5):
        reference.set_epoch(epoch)
        whole += list(reference)
    resumed, rest = sampler(7, 1, 2, repeat=repeat), []
    resumed.skip(done)
    for epoch in range(done // len(resumed), 5):
        resumed.set_epoch(epoch)
        rest += list(resumed)
    assert rest == whole[done:]


def test_bad_arguments(sampler):
    with pytest.raises(ValueError, match='no key frames'):
        sampler(0)
    with pytest.raises(ValueError, match='repeat must be at least 1'):
        sampler(3, repeat=0)
    with pytest.raises(ValueError, match='seed must not be negative'):
        sampler(3, seed=-1)
    with pytest.raises(ValueError, match='cannot skip -2'):
        sampler(3).skip(-2)
    with pytest.raises(TypeError, match='round_up'):
        sampler(3, round_up=True)
