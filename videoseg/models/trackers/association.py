"""What several trackers share: similarity, matching, and a table of tracks inside a state."""

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from .base_tracker import TrackerState

MATCH_METRICS = ('bisoftmax', 'softmax', 'cosine')
_TRACK = 'track_'


@torch.autocast('cpu', enabled=False)
def embedding_similarity(embeddings: Tensor, memory: Tensor, metric: str) -> Tensor:
    """Similarity (n, m) of observations and memory, in full precision also where the model runs in less.

    Args:
        embeddings: (n, D) on the CPU.
        memory: (m, D).
        metric: ``'cosine'``, ``'softmax'`` (of the dot products, over the memory) or ``'bisoftmax'`` (mean of the
            soft-max over the memory and the soft-max over the observations).
    """
    if metric == 'cosine':
        return F.normalize(embeddings, dim=1) @ F.normalize(memory, dim=1).T
    dots = embeddings @ memory.T
    similarity = dots.softmax(1)
    return (similarity + dots.softmax(0)) / 2 if metric == 'bisoftmax' else similarity


def check_metric(metric: str) -> None:
    """Raise ValueError for a metric that :func:`embedding_similarity` does not know."""
    if metric not in MATCH_METRICS:
        raise ValueError(f'match_metric must be one of {MATCH_METRICS}, got {metric!r}')


def match_greedily(
    similarity: Tensor, threshold: float, takes: Tensor | None = None, num_tracks: int | None = None
) -> tuple[Tensor, Tensor]:
    """Row by row the best column, which is then lost to all other rows.

    Args:
        similarity: (n, m) on the CPU.
        threshold: A match is more similar than this.
        takes: (n,) bool, rows that take their column away from the others; all by default.
        num_tracks: Columns from this one on attract rows but match none; m by default.

    Returns:
        (n,) column of each row, -1 = none, and the similarity (n,) with its best column when its turn came.
    """
    columns = torch.full((len(similarity),), -1)
    best_values = similarity.new_zeros(len(similarity))
    num_tracks = similarity.shape[1] if num_tracks is None else num_tracks
    if not similarity.numel():
        return columns, best_values
    values = similarity.numpy().copy()
    for row in range(len(values)):
        best = int(values[row].argmax())
        best_values[row] = float(values[row, best])
        if values[row, best] <= threshold or best >= num_tracks:
            continue
        columns[row] = best
        if takes is None or takes[row]:
            values[:row, best] = 0
            values[row + 1 :, best] = 0
    return columns, best_values


def match_optimally(values: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """The one-to-one matching with the largest sum of the values that reach a threshold.

    Args:
        values: (n, m), not negative.
        threshold: Least value of a match; zero never matches.

    Returns:
        Matched rows (k,) and columns (k,).
    """
    values = torch.where(values < threshold, 0, values)
    rows, columns = (torch.as_tensor(x, dtype=torch.long) for x in linear_sum_assignment(values, maximize=True))
    keep = values[rows, columns] > 0
    return rows[keep], columns[keep]


def fresh_tracks(**columns: Tensor) -> TrackerState:
    """A state without tracks: ``num_tracks``, ``track_ids``, ``track_last_frames`` and ``track_<name>`` of ``columns``.

    Args:
        columns: Empty columns (0, ...) by name.
    """
    columns = dict(ids=no_rows(), last_frames=no_rows(), **columns)
    return {'num_tracks': torch.zeros((), dtype=torch.long), **{_TRACK + name: x for name, x in columns.items()}}


def no_rows() -> Tensor:
    """An empty column of integers."""
    return torch.zeros(0, dtype=torch.long)


def enter_tracks(state: TrackerState, ids: Tensor, columns: dict[str, Tensor], momentum: float = 1.0) -> TrackerState:
    """Write observations into the rows of known tracks, and append those of new ones.

    Args:
        state: With ``track_ids`` (P,) and one ``track_<name>`` (P, ...) for each name in ``columns``.
        ids: (n,) identities, all different.
        columns: Values (n, ...) by name.
        momentum: Weight of new ``embeddings`` in the running mean of a known track; other columns are replaced.

    Returns:
        A new state; tensors of the old one are not changed.
    """
    known = ids[:, None] == state['track_ids'][None]
    rows, memory_rows = known.nonzero().T
    born = ~known.any(1)
    new = dict(state)
    for name, values in dict(columns, ids=ids).items():
        column = state[_TRACK + name].clone()
        seen = values[rows]
        if name == 'embeddings':
            seen = (1 - momentum) * column[memory_rows] + momentum * seen
        column[memory_rows] = seen
        new[_TRACK + name] = torch.cat([column, values[born]])
    return new


def keep_tracks(state: TrackerState, alive: Tensor) -> TrackerState:
    """The state with only some tracks: ``alive`` (P,) bool."""
    return {name: value[alive] if name.startswith(_TRACK) else value for name, value in state.items()}
