"""What a dense decoder (diffusion) predicts for a window."""

from dataclasses import dataclass, replace

from torch import Tensor


@dataclass
class MapPrediction:
    """Integer maps of B clips of T frames, on the padded canvas; only ever resized by nearest neighbour.

    Attributes:
        labels: (B, T, h, w) int64 model labels, things first, then stuff; 255 = void.
        ids: (B, T, h, w) int64 identity over time that the decoder gave, counted from 1, 0 = none.
        num_things: Number of thing classes; labels below are things.
        scores: (B, T, h, w) probability in [0, 1] that a pixel's label and identity are right, or None (all 1). The
            score of a segment is the mean over its pixels.
        layers: Labels and identities (B, N, T, h, w) of N samples of the same frames, the first that of ``labels``, if
            several were drawn; identities of different samples have nothing to do with each other. Or None.
    """

    labels: Tensor
    ids: Tensor
    num_things: int
    scores: Tensor | None = None
    layers: tuple[Tensor, Tensor] | None = None

    def __post_init__(self) -> None:
        for name in ('ids', 'scores'):
            value = getattr(self, name)
            if value is not None and value.shape != self.labels.shape:
                raise ValueError(
                    f'MapPrediction: {name} has shape {tuple(value.shape)}, labels {tuple(self.labels.shape)}: all '
                    'maps are (B, T, h, w)'
                )

    @property
    def num_clips(self) -> int:
        """B."""
        return self.labels.shape[0]

    def select_clip(self, index: int) -> 'MapPrediction':
        """The prediction of one clip of the batch, with B = 1."""
        one = slice(index, index + 1)
        scores = None if self.scores is None else self.scores[one]
        layers = None if self.layers is None else (self.layers[0][one], self.layers[1][one])
        return replace(self, labels=self.labels[one], ids=self.ids[one], scores=scores, layers=layers)
