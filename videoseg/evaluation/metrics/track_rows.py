"""Track tables as the evaluator and the writers take them."""

from collections.abc import Mapping

from torch import Tensor

from videoseg.evaluation.functional.frame_masks import PredTrack


def best_tracks(table: Mapping[str, Tensor], limit: int) -> list[PredTrack]:
    """The tracks with the highest scores.

    Args:
        table: Columns ``ids, labels, scores`` from the segmentor's ``finish``; with ``mask_ids`` where tracks share
            masks.
        limit: How many at most.

    Returns:
        Tracks by descending score, equal scores in the order of the table.
    """
    scores = table['scores'].detach().cpu().double()
    best = scores.argsort(descending=True, stable=True)[:limit]
    names = ('ids', 'labels', 'mask_ids' if 'mask_ids' in table else 'ids')
    ids, labels, mask_ids = (table[name].cpu()[best].tolist() for name in names)
    return [PredTrack(*row) for row in zip(ids, labels, scores[best].tolist(), mask_ids, strict=True)]
