"""Errors of one frame, with its name."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def frame_errors(video_id: str, frame: str) -> Iterator[None]:
    """Put ``video ..., frame ...`` in front of an error that does not say so already.

    Raises:
        FileNotFoundError, ValueError: What was raised inside; a TypeError (of maps) becomes a ValueError.
    """
    try:
        yield
    except (FileNotFoundError, ValueError, TypeError) as error:
        message = str(error)
        if f'video {video_id!r}, frame {frame!r}' not in message:
            message = f'video {video_id!r}, frame {frame!r}: {message}'
        kind = FileNotFoundError if isinstance(error, FileNotFoundError) else ValueError
        raise kind(message) from error


def check_same_names(gt: list[str], pred: list[str], what: str) -> None:
    """Ground truth and prediction must have the same names.

    Args:
        gt: Names of the ground truth.
        pred: Names of the prediction.
        what: What is named, for example ``video '0002', frame``.

    Raises:
        ValueError: Naming the first that is missing or surplus.
    """
    known, found = set(gt), set(pred)
    missing, surplus = [x for x in gt if x not in found], [x for x in pred if x not in known]
    if missing:
        raise ValueError(f'{what} {missing[0]!r} is missing in the prediction ({len(missing)} of {len(gt)} are)')
    if surplus:
        raise ValueError(f'{what} {surplus[0]!r} of the prediction is not in the ground truth ({len(surplus)} are not)')
