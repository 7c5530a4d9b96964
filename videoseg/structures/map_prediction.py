"""What a dense decoder (diffusion) predicts for a window."""

from dataclasses import dataclass

from torch import Tensor


@dataclass
class MapPrediction:
    """Integer maps; only ever resized by nearest neighbour.

    Attributes:
        labels: (B, T, h, w) model labels, 255 = void.
        ids: (B, T, h, w) instance numbers given by the decoder, 0 = none.
        scores: Per clip a mapping panoptic id -> confidence in [0, 1].
    """

    labels: Tensor
    ids: Tensor
    scores: list[dict[int, float]]
