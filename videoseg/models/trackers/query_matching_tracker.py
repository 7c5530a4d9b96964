"""Identity by matching the queries of neighbouring windows."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction

from .association import embedding_similarity, match_optimally
from .base_tracker import TrackerState
from .kernel_index_tracker import KernelIndexTracker

MEMORIES = ('previous', 'first')


@MODELS.register_module()
class QueryMatchingTracker(KernelIndexTracker):
    """Queries are brought into the order of the window before; then the id is the number of the query + 1.

    The permutation has the largest sum of cosines between the queries of this window and those of the previous one, as
    they were permuted there: a memory of one window, without mean, threshold, birth or death. Any decoder with queries
    or kernels will do; of kernels only those with a free class move. No embedding is needed: what is compared are the
    raw queries. A class or mask of the first window stays where it was.

    Source: matching of tubes in Tube-Link's VIS branch (``specs/tube_link.md`` 3.3); with windows of one frame MinVIS.

    Args:
        memory: ``'previous'``: queries of the last window. ``'first'``: those of the window in which a number appeared
            first; what matches is never updated (the tracker recorded as ``minvis_tracker``).
        average_logits: Class logits become their mean over the windows so far, query by query: after the last window
            the mean over the video of section 3.3.
        per_class: As for :class:`KernelIndexTracker`: for instance results, where one query may stand under several
            classes.

    Raises:
        ValueError: If ``memory`` is unknown.
    """

    def __init__(self, memory: str = 'previous', average_logits: bool = False, per_class: bool = False) -> None:
        super().__init__(per_class)
        if memory not in MEMORIES:
            raise ValueError(f'memory must be one of {MEMORIES}, got {memory!r}')
        self.memory = memory
        self.average_logits = average_logits

    def align(self, prediction: ClipPrediction, state: TrackerState) -> tuple[ClipPrediction, TrackerState]:
        """Permute the free queries; see :meth:`BaseTracker.align`.

        Raises:
            TypeError: If the decoder predicts no queries.
            ValueError: If there are fewer queries than in an earlier window of the video.
        """
        if not isinstance(prediction, ClipPrediction):
            raise TypeError(
                f'QueryMatchingTracker compares queries, but this decoder gives a {type(prediction).__name__} without '
                'any: use MaskIoUTracker or SORTBoxTracker'
            )
        free = (prediction.fixed_labels < 0).nonzero()[:, 0]
        queries = prediction.queries[0, free].detach().flatten(1).float().cpu()
        numbers, memory = self.match(queries, state.get('query_memory', queries).cpu())
        if len(memory) > len(queries):
            raise ValueError(
                f'QueryMatchingTracker: {len(queries)} queries follow {len(memory)}; their number must not shrink '
                'within a video'
            )
        order = torch.arange(prediction.queries.shape[1], device=free.device)
        order[free[numbers.to(free.device)]] = free
        prediction, state = prediction.reorder(order), {**state, 'query_memory': memory}
        if self.average_logits:
            prediction, state = self._average(prediction, state)
        return prediction, state

    def match(self, queries: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Number the rows of one window, all on the CPU.

        Args:
            queries: (n, C).
            memory: (m, C), row i stands for number i.

        Returns:
            Numbers (n,), all different: as many rows as possible take the number of a row in the memory, the others
            the next new ones in row order. And the new memory (max(n, m), C).
        """
        similarity = embedding_similarity(queries, memory, 'cosine').double()
        rows, columns = match_optimally(similarity + 2, 0.0)  # above zero, so that no match is refused
        numbers = torch.full((len(queries),), -1)
        numbers[rows] = columns
        born = numbers < 0
        numbers[born] = len(memory) + torch.arange(int(born.sum()))
        if self.memory == 'first':
            return numbers, torch.cat([memory, F.normalize(queries[born], dim=1)])
        updated = memory.clone()
        updated[columns] = queries[rows]
        return numbers, torch.cat([updated, queries[born]])

    @staticmethod
    def _average(prediction: ClipPrediction, state: TrackerState) -> tuple[ClipPrediction, TrackerState]:
        logits = prediction.class_logits.float()
        total = state['logit_sum'].to(logits.device) + logits[0] if 'logit_sum' in state else logits[0]
        windows = state['num_windows'].cpu() + 1 if 'num_windows' in state else torch.ones((), dtype=torch.long)
        mean = (total / windows.to(total.device))[None]
        return replace(prediction, class_logits=mean), {**state, 'logit_sum': total, 'num_windows': windows}
