"""What every test starts from: few threads, fixed seeds, one start method for worker processes."""

import gc
import importlib
import multiprocessing
import os
import random
import sys
from collections.abc import Iterator

os.environ.setdefault('OMP_NUM_THREADS', '1')  # read when torch is imported, so before it

import numpy as np  # noqa: E402
import pytest  # noqa: E402


def pytest_configure() -> None:
    """Workers are forked from the start: mmengine's runner would switch to that half-way through the session."""
    if sys.platform == 'linux':
        multiprocessing.set_start_method('fork', force=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """The collector of garbage leaves alone what importing made: half a million objects that stay to the end.

    Otherwise it looks through them again and again, a third of a second each time, in this process and in its children.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """Every test draws the same random numbers, whichever tests ran before it."""
    random.seed(0)
    np.random.seed(0)
    if 'torch' in sys.modules:  # a test of the torch-free part does not pay for importing torch
        sys.modules['torch'].default_generator.manual_seed(0)  # of the CPU: no test draws elsewhere


@pytest.fixture(scope='module')
def default_scope() -> Iterator[None]:
    """Types of configs are looked up in videoseg, as when a runner has been built."""
    registry = importlib.import_module('mmengine.registry')  # not there for tests of the torch-free part
    registry.init_default_scope('videoseg')
    yield
    registry.DefaultScope._instance_dict.clear()


def pytest_collection_modifyitems(config: pytest.Config, items: list) -> None:
    """Without the whole parity collection some tests have no file to compare with: they are not collected at all."""

    def has_no_case(item: pytest.Item) -> bool:
        return any(mark.name == 'skip' and 'empty parameter set' in str(mark.kwargs) for mark in item.iter_markers())

    empty = [item for item in items if has_no_case(item)]
    if empty:
        config.hook.pytest_deselected(items=empty)
        items[:] = [item for item in items if item not in empty]
