"""Errors of reading and writing checkpoints; each message names the file and says what to do."""


class CheckpointLoadError(RuntimeError):
    """A checkpoint file is damaged, is no checkpoint, or holds objects that are not plain data."""


class CheckpointMismatchError(RuntimeError):
    """A checkpoint does not fit the model it is loaded into."""


class CheckpointSaveError(OSError):
    """A checkpoint could not be written; nothing half-written is left behind."""


class WorkDirError(OSError):
    """The work dir cannot be created or written to."""
