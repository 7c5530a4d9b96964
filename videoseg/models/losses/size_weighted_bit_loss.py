"""The loss of the diffusion decoder's outputs, in which small segments count more."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoseg.models.task_modules.analog_bit_codec import AnalogBitCodec
from videoseg.models.task_modules.row_chunks import Head, map_rows
from videoseg.registry import MODELS


@MODELS.register_module()
class SizeWeightedBitLoss(nn.Module):
    """Mean over pixels and outputs of weight x error; weights have mean 1 over the map of a sample.

    The weight of a pixel is ``(1 / (n + 1)) ** power`` with n pixels of its identity code in the map, so that where
    stuff has no identity all stuff and void together is one segment. Unlike in the reference, padding takes no part.
    Source: ``specs/pix2seq_d.md`` section 4.

    Args:
        power: p; 0: every pixel counts the same, 1: every segment.
        kind: ``'softmax'``: cross-entropy of the class and of the identity code, averaged over both; ``'sigmoid'``:
            binary cross-entropy of every digit; ``'l2'``: squared error of the analog bits.
        train_void: Void (class code 0) is trained as class 0 without identity; False: it takes no part either.
        chunk: Rows at a time, so that not all logits exist at once (:func:`map_rows`); None: all. The loss is the same
            up to float rounding; its gradient costs one more pass of ``head``.
        loss_weight: Factor of the loss.

    Raises:
        ValueError: For an unknown kind or a negative power.
    """

    def __init__(
        self,
        power: float = 0.2,
        kind: str = 'softmax',
        train_void: bool = True,
        chunk: int | None = None,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if kind not in AnalogBitCodec.KINDS:
            raise ValueError(f'SizeWeightedBitLoss: kind must be one of {AnalogBitCodec.KINDS}, got {kind!r}')
        if power < 0:
            raise ValueError(f'SizeWeightedBitLoss: power must not be negative, got {power}')
        self.power = power
        self.kind = kind
        self.train_void = train_void
        self.chunk = chunk
        self.loss_weight = loss_weight

    def weights(self, labels: Tensor, ids: Tensor, valid: Tensor | None = None) -> Tensor:
        """Weight of every pixel.

        Args:
            labels: (B, h, w) class codes.
            ids: (B, h, w) identity codes.
            valid: (B, h, w) bool, False in the padding; None: there is none.

        Returns:
            (B, h, w) float32, 0 where a pixel takes no part, of mean 1 over the others of each sample.
        """
        counted = torch.ones_like(ids, dtype=torch.bool) if valid is None else valid.bool()
        if not self.train_void:
            counted = counted & (labels > 0)
        ids, part = ids.long().flatten(1), counted.flatten(1).float()
        sizes = part.new_zeros((len(ids), int(ids.max()) + 1 if ids.numel() else 1))
        sizes = sizes.scatter_add(1, ids, part)
        weight = (sizes.gather(1, ids) + 1).pow(-self.power) * part
        mean = weight.sum(1, keepdim=True) / part.sum(1, keepdim=True).clamp(min=1)
        return (weight / mean.clamp(min=torch.finfo(weight.dtype).tiny)).view(labels.shape)

    def forward(
        self,
        outputs: Tensor,
        labels: Tensor,
        ids: Tensor,
        codec: AnalogBitCodec,
        valid: Tensor | None = None,
        head: Head | None = None,
    ) -> Tensor:
        """Loss of B maps.

        Args:
            outputs: (B, C, h, w) with C = ``codec.num_outputs(kind)``, or with ``head`` the features it makes them of.
            labels: (B, h, w) class codes.
            ids: (B, h, w) identity codes.
            codec: The code.
            valid: (B, h, w) bool, False in the padding.
            head: Pixel-wise layer from features to outputs; needed to save memory with ``chunk``.

        Returns:
            Scalar; 0 with gradients of 0 where no pixel takes part.

        Raises:
            ValueError: If the maps have another size than the outputs.
        """
        if not outputs.shape[-2:] == labels.shape[-2:] == ids.shape[-2:]:
            raise ValueError(
                f'outputs of size {tuple(outputs.shape[-2:])} do not fit maps of sizes {tuple(labels.shape[-2:])} '
                f'(classes) and {tuple(ids.shape[-2:])} (identities)'
            )
        weight = self.weights(labels, ids, valid)

        def error(rows: Tensor, *codes: Tensor) -> tuple[Tensor]:
            return (self._error(rows, *codes, codec),)

        errors = map_rows(error, outputs, labels, ids, head=head, chunk=self.chunk)[0]
        return self.loss_weight * (errors * weight).sum() / (weight > 0).sum().clamp(min=1)

    def _error(self, outputs: Tensor, labels: Tensor, ids: Tensor, codec: AnalogBitCodec) -> Tensor:
        """Error of every pixel (B, h, w)."""
        if self.kind == 'softmax':
            classes, identities = codec.split(outputs)
            return (
                F.cross_entropy(classes, labels, reduction='none') + F.cross_entropy(identities, ids, reduction='none')
            ) / 2
        bits = codec.encode(labels, ids)
        if self.kind == 'sigmoid':
            return F.binary_cross_entropy_with_logits(outputs.float(), (bits > 0).float(), reduction='none').mean(1)
        return (outputs.float() - bits).square().mean(1)
