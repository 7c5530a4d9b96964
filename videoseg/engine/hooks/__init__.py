"""Hooks: random state, checkpoints and pictures."""

from videoseg.engine.hooks.random_state_hook import RandomStateHook
from videoseg.engine.hooks.safe_checkpoint_hook import SafeCheckpointHook
from videoseg.engine.hooks.video_visualization_hook import VideoVisualizationHook

__all__ = ['RandomStateHook', 'SafeCheckpointHook', 'VideoVisualizationHook']
