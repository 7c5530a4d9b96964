"""One number for a track from its numbers per frame."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

OCCLUSION_LEVELS = {'no_occlusion': 0.0, 'slight_occlusion': 0.25, 'severe_occlusion': 0.75}
"""How much of an object OVIS counts as hidden, by the word in its json."""


def track_score(scores: Sequence[float], rule: Literal['mean', 'upper_half'] = 'mean') -> float:
    """Reduce the scores of the frames in which a track is visible to one.

    Args:
        scores: One a frame, any order.
        rule: ``'mean'`` of all (usual for confidences), or mean of the ``'upper_half'``: the ``ceil(n / 2)`` largest
            (OVIS for occlusion, ``specs/evaluators.md`` section 7). Default ``'mean'``.

    Returns:
        The score, NaN without frames.

    Raises:
        ValueError: If there is no such rule.
    """
    if rule not in ('mean', 'upper_half'):
        raise ValueError(f"rule is {rule!r}, expected 'mean' or 'upper_half'")
    values = np.sort(np.asarray(scores, np.float64))
    if rule == 'upper_half':
        values = values[len(values) // 2 :]
    return float(values.mean()) if len(values) else float('nan')


def occlusion_score(levels: Sequence[Any]) -> float | None:
    """Occlusion score of a ground truth track of OVIS: the mean of the upper half of its levels.

    Args:
        levels: A word of :data:`OCCLUSION_LEVELS` or a number in [0, 1] a frame, None where the object is absent.

    Returns:
        The score in [0, 1]; None if there is no frame with a level.

    Raises:
        ValueError: If a level is none of these.
    """
    values = []
    for level in levels:
        if level is None:
            continue
        value = OCCLUSION_LEVELS.get(level) if isinstance(level, str) else level
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            raise ValueError(f'occlusion {level!r} is none of {", ".join(OCCLUSION_LEVELS)} and no number in [0, 1]')
        values.append(float(value))
    return track_score(values, 'upper_half') if values else None
