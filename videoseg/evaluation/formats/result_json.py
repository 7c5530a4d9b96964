"""The result of an evaluation as one json, the same from tools/test.py and from the command line."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def result_content(
    results: Mapping[str, Mapping[str, Any]],
    names: Mapping[str, Sequence[str]],
    classes: Sequence[str],
    num_frames: Mapping[str, int],
    protocol: Mapping[str, Any],
) -> dict[str, Any]:
    """Arrange what the statistics computed.

    Args:
        results: Prefix of a metric -> what its ``compute`` returned.
        names: Prefix -> the numbers to report.
        classes: Class names, index = label.
        num_frames: Video -> number of frames.
        protocol: Where ground truth and predictions come from.

    Returns:
        Ready for a json, NaN being None, every number in [0, 1]: ``protocol`` (with ``metrics``: prefix -> every option
        that decides a number), ``metrics`` (``stq/STQ`` -> number), ``num_videos``, ``num_frames``, ``per_video``
        (video -> the same names and ``num_frames``), ``per_class`` (class -> ``<metric>/<column>`` -> number).
    """
    metrics: dict[str, Any] = {}
    per_video: dict[str, dict[str, Any]] = {video_id: {'num_frames': count} for video_id, count in num_frames.items()}
    per_class: dict[str, dict[str, Any]] = {name: {} for name in classes}
    for prefix, result in results.items():
        metrics |= {f'{prefix}/{name}': plain(result[name]) for name in names[prefix]}
        for video_id, row in per_video.items():
            found = result['per_video'].get(video_id, {})
            row |= {f'{prefix}/{name}': plain(found[name]) for name in names[prefix] if name in found}
        for column, values in result['per_class'].items():
            for row, value in zip(per_class.values(), values, strict=False):
                row[f'{prefix}/{column}'] = plain(value)
    return {
        'protocol': {**plain(protocol), 'metrics': {prefix: plain(x['protocol']) for prefix, x in results.items()}},
        'metrics': metrics,
        'num_videos': len(per_video),
        'num_frames': sum(num_frames.values()),
        'per_video': per_video,
        'per_class': per_class,
    }


def plain(value: Any) -> Any:
    """A value as strict json knows it: NaN becomes None, infinity ``'inf'``."""
    if isinstance(value, Mapping):
        return {str(key): plain(x) for key, x in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple | range | set | frozenset):
        return [plain(x) for x in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else f'{value}'
    return value
