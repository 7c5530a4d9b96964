"""Hooks: random state and checkpoints."""

from videoseg.engine.hooks.random_state_hook import RandomStateHook
from videoseg.engine.hooks.safe_checkpoint_hook import SafeCheckpointHook

__all__ = ['RandomStateHook', 'SafeCheckpointHook']
