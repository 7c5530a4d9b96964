"""Simulated errors on past maps."""

import pytest
import torch

from videoseg.models.task_modules import AnalogBitCodec, MaskCorruption
from videoseg.registry import TASK_UTILS

OFF = dict(boundary_prob=0.0, swap_prob=0.0, drop_prob=0.0, frame_dropout=0.0)


def maps(count=8, k=2):
    """Two squares, identities 3 and 9, class 2, on stuff of class 5 above void: (count, k, 24, 24)."""
    labels = torch.full((24, 24), 5)
    labels[18:] = 0
    ids = torch.zeros_like(labels)
    labels[2:12, 2:10], ids[2:12, 2:10] = 2, 3
    labels[4:14, 13:22], ids[4:14, 13:22] = 2, 9
    return labels.repeat(count, k, 1, 1), ids.repeat(count, k, 1, 1)


def corrupt(labels, ids, seed=0, **kwargs):
    corruption = TASK_UTILS.build(dict(type='MaskCorruption', **{**OFF, **kwargs}))
    return corruption(labels, ids, torch.Generator().manual_seed(seed))


def pairs(labels, ids):
    return set(zip(labels.flatten().tolist(), ids.flatten().tolist(), strict=True))


def test_switched_off_it_changes_nothing():
    labels, ids = maps()
    result = corrupt(labels, ids)
    assert torch.equal(result[0], labels) and torch.equal(result[1], ids)


def test_missing_frames_are_the_code_of_void():
    labels, ids = maps(200)
    new_labels, new_ids = corrupt(labels, ids, frame_dropout=0.2)
    missing = (new_labels == 0).flatten(2).all(2)
    assert float(missing.float().mean()) == pytest.approx(0.2, abs=0.05)
    assert torch.equal(missing, (new_ids == 0).flatten(2).all(2))
    assert torch.equal(new_labels[~missing], labels[~missing]) and torch.equal(new_ids[~missing], ids[~missing])
    both = missing.all(1).float().mean()
    assert 0.01 < float(both) < 0.1  # frames of a clip are dropped independently
    codec = AnalogBitCodec(3, 4)
    analog = codec.encode(new_labels, new_ids)
    assert torch.equal(analog[missing], codec.zeros(new_labels[missing].shape))


def test_boundaries_move_at_most_by_the_radius():
    labels, ids = maps(16)
    new_labels, new_ids = corrupt(labels, ids, boundary_prob=1.0, radius=2)
    changed = (new_labels != labels) | (new_ids != ids)
    key = (labels * 16 + ids).float().flatten(0, 1)[:, None]
    pool = torch.nn.functional.max_pool2d
    near = (pool(key, 5, 1, 2) != -pool(-key, 5, 1, 2)).view_as(changed)
    assert bool(changed.flatten(2).any(2).all()) and not bool((changed & ~near).any())
    areas = (new_ids == 3).flatten(2).sum(2)
    assert int(areas.max()) > 80 > int(areas.min())  # it grows on some maps and shrinks on others
    assert pairs(new_labels, new_ids) <= pairs(labels, ids)


def test_share_and_radius_of_moved_boundaries():
    labels, ids = maps(200)
    new_labels, new_ids = corrupt(labels, ids, boundary_prob=0.5, radius=3)
    changed = ((new_labels != labels) | (new_ids != ids)).flatten(2).any(2)
    assert float(changed.float().mean()) == pytest.approx(0.5, abs=0.08)
    grown = (new_ids == 3).any(3).sum(2)[changed]
    assert {10, 12, 13, 14, 15} & set(grown.tolist())


def test_swapped_identities():
    labels, ids = maps(200)
    new_labels, new_ids = corrupt(labels, ids, swap_prob=0.5)
    assert torch.equal(new_labels, labels)
    swapped = (new_ids != ids).flatten(2).any(2)
    assert float(swapped.float().mean()) == pytest.approx(0.5, abs=0.08)
    other = torch.where(ids == 3, 9, torch.where(ids == 9, 3, ids))
    assert torch.equal(new_ids[swapped], other[swapped])


def test_a_single_identity_is_never_swapped():
    labels, ids = maps(4)
    labels, ids = labels.masked_fill(ids == 9, 5), ids.masked_fill(ids == 9, 0)
    result = corrupt(labels, ids, swap_prob=1.0)
    assert torch.equal(result[1], ids)
    nothing = torch.zeros_like(ids)
    assert torch.equal(corrupt(nothing, nothing, swap_prob=1.0, boundary_prob=1.0)[1], nothing)


def test_missing_segments():
    labels, ids = maps(300)
    new_labels, new_ids = corrupt(labels, ids, drop_prob=0.3)
    for mask in (ids == 3, ids == 9, labels == 5):
        gone = ((new_labels == 0) & (new_ids == 0) & mask).flatten(2).sum(2)
        whole = mask.flatten(2).sum(2)
        assert bool(((gone == 0) | (gone == whole)).all())
        assert float((gone == whole).float().mean()) == pytest.approx(0.3, abs=0.06)


def test_same_generator_same_maps_and_input_stays():
    labels, ids = maps()
    before = labels.clone(), ids.clone()
    kwargs = dict(boundary_prob=0.5, swap_prob=0.5, drop_prob=0.2, frame_dropout=0.2)
    first, again, other = (corrupt(labels, ids, seed, **kwargs) for seed in (1, 1, 2))
    assert all(map(torch.equal, first, again)) and not all(map(torch.equal, first, other))
    assert torch.equal(before[0], labels) and torch.equal(before[1], ids)


def test_other_shapes():
    labels, ids = maps(2, 3)
    single = corrupt(labels[0, 0], ids[0, 0], boundary_prob=1.0, drop_prob=0.2)
    assert single[0].shape == single[1].shape == (24, 24)
    none = corrupt(labels[:, :0], ids[:, :0], boundary_prob=1.0, swap_prob=1.0, frame_dropout=0.5)
    assert none[0].shape == (2, 0, 24, 24)


def test_bad_arguments():
    with pytest.raises(ValueError, match='swap_prob must be in'):
        MaskCorruption(swap_prob=1.5)
    with pytest.raises(ValueError, match='radius'):
        MaskCorruption(radius=-1)
