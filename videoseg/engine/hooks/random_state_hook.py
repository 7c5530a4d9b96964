"""Random generators are part of a checkpoint."""

import logging
import random
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_gather_object, get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from videoseg.registry import HOOKS


@HOOKS.register_module()
class RandomStateHook(Hook):
    """Save the generators of Python, numpy, torch and CUDA for every rank; restore them on resume.

    Validation leaves no trace in them: a run that was interrupted between a checkpoint and the validation after it
    goes on with the same numbers as one that was not.
    """

    priority = 'VERY_LOW'

    def __init__(self) -> None:
        self._gathered: list[dict] | None = None
        self._training_state: dict | None = None
        self._resumed_state: dict | None = None

    def gather_checkpoint_state(self, runner: Runner) -> None:
        """Collect the states of all ranks; called on every rank before a checkpoint is written."""
        self._gathered = all_gather_object(self._training_state or get_random_state())

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Put the collected states into the checkpoint."""
        checkpoint['random_state'] = self._gathered if self._gathered is not None else [get_random_state()]
        self._gathered = None

    def after_resume(self, runner: Runner, checkpoint: dict) -> None:
        """Take this rank's state out of a resumed checkpoint; it takes effect when the first epoch starts."""
        states = checkpoint.get('random_state')
        if states is None or len(states) != runner.world_size:
            runner.logger.log(
                logging.WARNING,
                'the checkpoint has random states of %d processes, this run has %d: they are not restored',
                len(states or []),
                runner.world_size,
            )
            return
        self._resumed_state = states[get_rank()]

    def before_train_epoch(self, runner: Runner) -> None:
        """Restore after everything else has been set up."""
        if self._resumed_state is not None:
            set_random_state(self._resumed_state)
            self._resumed_state = None

    def before_val(self, runner: Runner) -> None:
        """Remember where training stands."""
        self._training_state = get_random_state()

    def after_val(self, runner: Runner) -> None:
        """Go back to where training stood."""
        set_random_state(self._training_state)
        self._training_state = None


def get_random_state() -> dict[str, Any]:
    """States of the four generators of this process, as tensors and numbers."""
    name, keys, position, has_gauss, cached = np.random.get_state()
    return {
        'python': random.getstate(),
        'numpy': (str(name), torch.from_numpy(keys.astype(np.int64)), int(position), int(has_gauss), float(cached)),
        'torch': torch.get_rng_state(),
        'cuda': torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Inverse of :func:`get_random_state`."""
    random.setstate(state['python'])
    name, keys, *rest = state['numpy']
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state['torch'].cpu())
    if state['cuda'] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state['cuda'].cpu())
