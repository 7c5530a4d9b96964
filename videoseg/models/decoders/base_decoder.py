"""The contract of every decoder (``design.md`` section 4)."""

from abc import abstractmethod
from collections.abc import Sequence

from mmdet.structures import TrackDataSample
from mmengine.model import BaseModule
from torch import Tensor

from videoseg.structures import ClipPrediction, ClipSegments, FrameMeta, MapPrediction, PixelFeatures
from videoseg.structures.video_state import StateDict


class BaseDecoder(BaseModule):
    """From pixel features to the prediction of a window.

    Attributes:
        clip_length: 1: frame by frame; None: any number of frames. The segmentor cuts windows to it.
        num_things: Thing classes; labels below are things.
        num_stuff: Stuff classes.
        has_instances: Whether objects of one class are told apart.
        embeds: Whether :meth:`embed` gives trackers vectors to compare.
    """

    clip_length: int | None = None
    has_instances = True
    embeds = True
    num_things: int
    num_stuff: int

    def seen_frames(self, data_samples: Sequence[TrackDataSample]) -> list[list[int]] | None:
        """Frames of every training clip whose features the loss needs, as many of each clip; None: all of them.

        Only these are encoded: ``feats`` of :meth:`loss` has them, in this order, while ``data_samples`` stay whole.
        """
        return None

    @abstractmethod
    def loss(self, feats: PixelFeatures, data_samples: Sequence[TrackDataSample]) -> dict[str, Tensor]:
        """Losses of B clips with ground truth, given the features of their :meth:`seen_frames`."""

    def checkpoint_meta(self) -> dict[str, str]:
        """What fitting weights do not tell: kept in checkpoints, and compared when one is loaded."""
        return {}

    def init_state(self, meta: FrameMeta) -> StateDict:
        """State of a fresh video: empty unless a decoder needs more."""
        return {}

    @abstractmethod
    def decode(
        self, feats: PixelFeatures, state: StateDict, metas: Sequence[FrameMeta], prompts: object = None
    ) -> tuple[ClipPrediction | MapPrediction, StateDict]:
        """Predict B windows that are all fresh or all running.

        Args:
            feats: Features of B windows of T frames.
            state: Tensors stacked along a leading B, or empty where the videos are fresh.
            metas: B window descriptions.
            prompts: For prompted decoders.

        Returns:
            The prediction, and the new state with leading B.
        """

    def embed(self, feats: PixelFeatures, prediction: ClipPrediction, segments: ClipSegments) -> Tensor | None:
        """Association vectors (S, D) of the surviving segments of one window; default: gather what was predicted.

        Args:
            feats: Features of that window, B = 1.
            prediction: What :meth:`decode` gave for it, B = 1, in the order that the tracker's ``align`` left.
            segments: The S survivors.
        """
        vectors = prediction.embeddings if prediction.embeddings is not None else prediction.queries
        return vectors[0, segments.query_index.clamp(min=0)].flatten(1)
