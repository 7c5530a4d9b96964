"""Which (query, class) pairs may become a segment."""

from dataclasses import dataclass

import torch
from torch import Tensor

from videoseg.structures import ClipPrediction


@dataclass
class Candidates:
    """C candidates, free queries by descending score first, then fixed ones by descending score; all on the CPU.

    Attributes:
        query: (C,) query index, each at most once.
        labels: (C,) model labels.
        scores: (C,) class scores.
        fixed: (C,) bool, the class of the query is fixed (stuff kernels).
    """

    query: Tensor
    labels: Tensor
    scores: Tensor
    fixed: Tensor

    def __len__(self) -> int:
        return self.query.shape[0]

    def select(self, keep: Tensor) -> 'Candidates':
        """The candidates of a mask or of indices."""
        return Candidates(self.query[keep], self.labels[keep], self.scores[keep], self.fixed[keep])


def free_label_count(fixed_labels: Tensor, num_things: int, num_labels: int) -> int:
    """How many of the leading labels a free query may take.

    With fixed (stuff) queries beside them free queries are things; without any they may be everything.
    """
    return num_things if bool((fixed_labels >= 0).any()) else num_labels


def top_pairs(scores: Tensor, max_pairs: int) -> tuple[Tensor, Tensor, Tensor]:
    """The best (row, class) pairs of a score table, in descending order, ties by row then class.

    Args:
        scores: (N, K).
        max_pairs: How many at most.

    Returns:
        Row, class and score of each pair. One row may appear under several classes.
    """
    best, index = scores.flatten().sort(descending=True, stable=True)
    best, index = best[:max_pairs], index[:max_pairs]
    width = max(scores.shape[1], 1)
    return index // width, index % width, best


def _first_of_each(values: Tensor) -> Tensor:
    """Indices, ascending, at which each value occurs first."""
    order = values.argsort(stable=True)
    ordered = values[order]
    first = torch.ones_like(ordered, dtype=torch.bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return order[first].sort().values


def class_table(prediction: ClipPrediction) -> tuple[Tensor, Tensor]:
    """Class scores (N, K) float and fixed labels (N,) of one clip on the CPU; one device-to-host copy."""
    scores = prediction.class_scores()[0].float()
    packed = torch.cat([scores, prediction.fixed_labels.to(scores)[:, None]], 1).cpu()
    return packed[:, :-1], packed[:, -1].long()


def select_candidates(prediction: ClipPrediction, mode: str, max_per_img: int) -> Candidates:
    """Rank the queries of one clip; one device-to-host copy, no pixel is touched.

    A pair whose query already has a better one is left out: it has the same mask and a lower score, so that it never
    owns a pixel and never becomes a segment.

    Args:
        prediction: One clip.
        mode: ``'pairs'``: the ``max_per_img`` best (query, class) pairs of the free queries (Video K-Net);
            ``'best_class'``: every free query under its best class (K-Net).
        max_per_img: Limit of ``'pairs'``.
    """
    return rank_candidates(*class_table(prediction), prediction.num_things, mode, max_per_img)


def rank_candidates(scores: Tensor, fixed_labels: Tensor, num_things: int, mode: str, max_per_img: int) -> Candidates:
    """:func:`select_candidates` on a score table (N, K) and fixed labels (N,) on the CPU."""
    is_free = fixed_labels < 0
    free_rows, fixed_rows = is_free.nonzero()[:, 0], (~is_free).nonzero()[:, 0]
    table = scores[free_rows, : free_label_count(fixed_labels, num_things, scores.shape[1])]
    if mode == 'best_class' and table.numel():
        free_scores, free_labels = table.max(1)
        free_scores, order = free_scores.sort(descending=True, stable=True)
        rows, labels = order, free_labels[order]
    else:
        rows, labels, free_scores = top_pairs(table, max_per_img)
        first = _first_of_each(rows)
        rows, labels, free_scores = rows[first], labels[first], free_scores[first]
    stuff = fixed_labels[fixed_rows]
    stuff_scores, order = scores[fixed_rows, stuff].sort(descending=True, stable=True)
    return Candidates(
        query=torch.cat([free_rows[rows], fixed_rows[order]]),
        labels=torch.cat([labels, stuff[order]]),
        scores=torch.cat([free_scores, stuff_scores]),
        fixed=torch.cat([torch.zeros_like(rows, dtype=torch.bool), torch.ones_like(order, dtype=torch.bool)]),
    )
