"""Seeding all draws of one sample without a trace in the global generators."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Seed ``random``, ``numpy.random`` and torch's CPU generator inside the block, restore them afterwards.

    CUDA generators are left alone: transforms run on the CPU.

    Args:
        seed: Number in [0, 2**32); None leaves everything as it is.
    """
    if seed is None:
        yield
        return
    states = random.getstate(), np.random.get_state(), torch.default_generator.get_state()
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.default_generator.set_state(states[2])


def derive_seed(*numbers: int) -> int:
    """A well-mixed 32-bit seed from some non-negative integers.

    >>> derive_seed(0, 1) == derive_seed(0, 1), derive_seed(0, 1) == derive_seed(1, 0)
    (True, False)
    """
    return int(np.random.SeedSequence(list(numbers)).generate_state(1)[0])
