"""What every tracker offers."""

from abc import ABC, abstractmethod

from torch import Tensor

from videoseg.structures import ClipPrediction, ClipSegments, FrameMeta

TrackerState = dict[str, Tensor]


class BaseTracker(ABC):
    """Gives identities to the segments of each window.

    A tracker has no memory of its own: all of it is in the state, a flat dictionary of tensors whose size does not
    grow with the video; ``{}`` is the state before the first window. States that are passed in are not modified. The
    same calls give the same ids on any device.

    Attributes:
        needs_embeddings: Whether ``associate`` reads ``embeddings``.
        needs_queries: Whether it goes by queries or their numbers, so that decoders of maps have nothing for it.
        ids_are_queries: Whether the id of a segment is the number of its query + 1.
    """

    needs_embeddings = False
    needs_queries = False
    ids_are_queries = False

    def align(self, prediction: ClipPrediction, state: TrackerState) -> tuple[ClipPrediction, TrackerState]:
        """Re-order the queries of a window before post-processing. By default they stay as they are.

        Args:
            prediction: One clip (B = 1).
            state: State after the previous window.

        Returns:
            The prediction and the state to give to ``associate``.
        """
        return prediction, state

    @abstractmethod
    def associate(
        self, segments: ClipSegments, embeddings: Tensor | None, meta: FrameMeta, state: TrackerState
    ) -> tuple[Tensor, TrackerState]:
        """Give an identity to every segment of a window, once a window.

        Args:
            segments: S segments of the window.
            embeddings: (S, D) one association vector a segment (rows of stuff are ignored), or None.
            meta: Frame numbers and sizes.
            state: State after the previous window.

        Returns:
            (S,) int64 ids on the device of ``segments.labels``, counted from 1, 0 = untracked or stuff; and the state
            after this window.
        """
