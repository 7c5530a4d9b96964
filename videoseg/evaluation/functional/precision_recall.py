"""Average precision of ranked predictions, COCO's way."""

import numpy as np

RECALL_POINTS = np.linspace(0, 1, 101)


def average_precision(hits: np.ndarray, misses: np.ndarray, num_gt: int) -> np.ndarray:
    """Mean precision at 101 recall points.

    The precision at a recall point is the highest one at or after the first rank that reaches this recall, 0 if none
    does (``specs/evaluators.md`` section 7).

    Args:
        hits: (T, N) bool, true positives by descending score.
        misses: (T, N) bool, false positives; a prediction that is neither does not count.
        num_gt: Number of things to be found.

    Returns:
        (T,) float64, NaN if there is nothing to be found.
    """
    rows, columns = hits.shape
    if not num_gt:
        return np.full(rows, np.nan)
    if not columns:
        return np.zeros(rows)
    found = np.cumsum(hits, axis=1, dtype=np.int64)
    precision = found / np.maximum(np.cumsum(hits | misses, axis=1, dtype=np.int64), 1)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    # Recall k / num_gt reaches a point from some k on; rows are laid end to end, so that one search serves all.
    needed = np.searchsorted(np.arange(num_gt + 1) / num_gt, RECALL_POINTS)
    offset = np.arange(rows)[:, None] * (max(num_gt, columns) + 2)
    rank = np.searchsorted((found + offset).ravel(), needed + offset) - np.arange(rows)[:, None] * columns
    reached = rank < columns
    at = np.take_along_axis(envelope, np.where(reached, rank, 0), axis=1)
    return np.where(reached, at, 0).mean(axis=1)
