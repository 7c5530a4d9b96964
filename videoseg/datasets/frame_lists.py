"""From a video and frame numbers to the dict of lists that clip transforms work on."""

from collections.abc import Sequence
from typing import Any

OPTIONAL_KEYS = dict(segments='segments', instances='instances', labelled='labelled', image_ids='image_id')
"""Per-frame lists that a video may have -> their names in a clip."""


def select_frames(
    video: dict[str, Any],
    frame_ids: Sequence[int],
    window_start: int | None = None,
    num_overlap: int = 0,
    is_last_window: bool = False,
) -> dict[str, list]:
    """Pick frames of a video.

    mmcv's ``TransformBroadcaster`` takes a dict apart frame by frame, so everything is a list of T values, also what
    holds for the whole clip.

    Args:
        video: What :meth:`BaseVideoPanopticDataset.get_video` returns, with ``label_map``. Optional keys are
            ``seg_encoding`` and, with an entry a frame, those of ``OPTIONAL_KEYS``.
        frame_ids: T frame numbers, counted from 0.
        window_start: First frame of the window; the first of ``frame_ids`` if None.
        num_overlap: Leading frames that were already emitted with the window before.
        is_last_window: The video ends with this window.

    Returns:
        ``img_path``, ``seg_map_path`` (None without labels), ``video_id``, ``frame_id``, ``video_length``,
        ``label_map``, ``seg_encoding``, ``window_start``, ``num_overlap``, ``is_last_window``, and what the video has
        of ``segments``, ``instances``, ``labelled``, ``image_id``: lists of T.
    """
    count = len(frame_ids)
    optional = {key: video[name] for name, key in OPTIONAL_KEYS.items() if video.get(name) is not None}
    return dict(
        img_path=[video['img_paths'][t] for t in frame_ids],
        seg_map_path=[video['seg_map_paths'][t] if video['seg_map_paths'] else None for t in frame_ids],
        video_id=[video['video_id']] * count,
        frame_id=list(frame_ids),
        video_length=[video['video_length']] * count,
        label_map=[video['label_map']] * count,
        seg_encoding=[video.get('seg_encoding', 'step')] * count,
        window_start=[frame_ids[0] if window_start is None else window_start] * count,
        num_overlap=[num_overlap] * count,
        is_last_window=[is_last_window] * count,
        **{key: [values[t] for t in frame_ids] for key, values in optional.items()},
    )
