"""Identity by the number of the kernel, or of the (kernel, class) pair."""

import torch

from videoseg.registry import MODELS
from videoseg.structures import ClipSegments, FrameMeta

META = FrameMeta('v', [0], (4, 6), (4, 6), (4, 6))


def segments(query, labels, is_thing=None):
    labels = torch.tensor(labels, dtype=torch.long)
    things = torch.ones_like(labels, dtype=torch.bool) if is_thing is None else torch.tensor(is_thing)
    return ClipSegments(labels, torch.rand(len(labels)), things, torch.tensor(query, dtype=torch.long))


def test_number_of_the_kernel():
    tracker = MODELS.build(dict(type='KernelIndexTracker'))
    ids, state = tracker.associate(segments([4, 0, 9], [1, 0, 2], [True, True, False]), None, META, {})
    assert ids.tolist() == [5, 1, 0] and state == {}


def test_pairs_are_numbered_in_order_of_appearance():
    """One window: the id is the rank of the candidate; later windows keep what is known."""
    tracker = MODELS.build(dict(type='KernelIndexTracker', per_class=True))
    ids, first = tracker.associate(segments([4, 0, 4, 7], [1, 0, 2, 3], [True, True, True, False]), None, META, {})
    assert ids.tolist() == [1, 2, 3, 0]
    ids, second = tracker.associate(segments([0, 4, 0], [2, 2, 0]), None, META, first)
    assert ids.tolist() == [4, 3, 2]
    assert first['pairs'].tolist() == [[4, 1], [0, 0], [4, 2]]  # what was handed in is as it was
    ids, third = tracker.associate(segments([], []), None, META, second)
    assert ids.tolist() == [] and torch.equal(third['pairs'], second['pairs'])


def test_nothing_at_first():
    tracker = MODELS.build(dict(type='KernelIndexTracker', per_class=True))
    ids, state = tracker.associate(segments([], []), None, META, {})
    assert ids.tolist() == [] and state['pairs'].shape == (0, 2)
    ids, _ = tracker.associate(segments([3], [1]), None, META, state)
    assert ids.tolist() == [1]
