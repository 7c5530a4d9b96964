"""How a video is cut into windows, the same for data sets and models."""

from collections.abc import Iterator

WINDOW_POLICIES = ('full', 'balanced')


def check_windows(window: int, overlap: int, policy: str, where: str) -> None:
    """Refuse windows that cannot be.

    Args:
        window: Frames a window.
        overlap: Frames shared with the window before.
        policy: See :func:`cut_windows`.
        where: Whose arguments these are, for the message.

    Raises:
        ValueError: If ``window`` < 1, ``overlap`` is not in [0, window), or the policy is unknown.
    """
    if window < 1:
        raise ValueError(f'{where}: window must be at least 1 frame, got {window}')
    if not 0 <= overlap < window:
        raise ValueError(f'{where}: overlap must be in [0, window={window}), got {overlap}')
    if policy not in WINDOW_POLICIES:
        raise ValueError(f'{where}: policy must be one of {WINDOW_POLICIES}, got {policy!r}')


def cut_windows(num_frames: int, window: int, overlap: int = 0, policy: str = 'full') -> Iterator[tuple[int, int, int]]:
    """Cut a video into windows; no frame is dropped.

    Args:
        num_frames: Length of the video.
        window: Frames a window, at most.
        overlap: Frames shared with the window before.
        policy: Where a video does not divide evenly, ``'full'`` leaves the rest to the last window; with ``'balanced'``
            the last windows are one frame shorter each, unless more frames are missing than there are windows
            (Tube-Link's VIS branch, ``specs/tube_link.md`` 3.3).

    Yields:
        ``(start, stop, overlap)``; the first window shares nothing.

    >>> list(cut_windows(5, 3, 1))
    [(0, 3, 0), (2, 5, 1)]
    >>> [stop - start for start, stop, _ in cut_windows(10, 4)]
    [4, 4, 2]
    >>> [stop - start for start, stop, _ in cut_windows(10, 4, policy='balanced')]
    [4, 3, 3]
    """
    stride = window - overlap
    num_windows = max(-(-(num_frames - overlap) // stride), 1)
    missing = num_windows * stride - (num_frames - overlap)
    first_short = num_windows - missing if policy == 'balanced' and missing < num_windows else num_windows
    start, shared = 0, 0
    for index in range(num_windows):
        stop = min(start + window - (index >= first_short), num_frames)
        yield start, stop, shared
        start, shared = stop - overlap, overlap
