"""Runner, loops and hooks."""

import mmdet.engine  # noqa: F401  (registers mmdet's own before ours are looked up)

from videoseg.engine import hooks
from videoseg.engine.loops import VideoTestLoop, VideoValLoop
from videoseg.engine.resumable_epoch_loop import ResumableEpochLoop
from videoseg.engine.resumable_iter_loop import ResumableIterLoop
from videoseg.engine.video_seg_runner import VideoSegRunner
from videoseg.engine.window_stepper import WindowStepper

__all__ = [
    'ResumableEpochLoop',
    'ResumableIterLoop',
    'VideoSegRunner',
    'VideoTestLoop',
    'VideoValLoop',
    'WindowStepper',
    'hooks',
]
