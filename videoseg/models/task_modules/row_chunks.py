"""Per-pixel functions of large maps, a few rows at a time."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

Head = Callable[[Tensor], Tensor]
"""The last, pixel-wise layer of a network: features (B, F, r, w) -> logits (B, C, r, w), for any number of rows."""


def map_rows(
    function: Callable[..., tuple[Tensor, ...]],
    outputs: Tensor,
    *maps: Tensor,
    head: Head | None = None,
    chunk: int | None = None,
) -> tuple[Tensor, ...]:
    """Apply a pixel-wise function to logits without ever holding all of what it makes of them.

    Of the logits and everything computed from them only ``chunk`` rows exist at a time, in the backward pass too, where
    each chunk is computed again. With ``head`` this includes the logits themselves. Nothing is approximated: results
    differ from those without chunks by float rounding only.

    Args:
        function: (logits (B, C, r, w), maps (..., r, w)) -> tuple of tensors with rows in dimension -2.
        outputs: (B, C, h, w) logits, or with ``head`` the features that it makes them of.
        maps: Further inputs with rows in dimension -2.
        head: Pixel-wise layer that makes logits of ``outputs``; None: they are logits already.
        chunk: Rows at a time; None: all at once.

    Returns:
        The results of ``function``, put together along dimension -2.

    Raises:
        ValueError: If ``chunk`` is less than 1.
    """
    if chunk is not None and chunk < 1:
        raise ValueError(f'chunk must be at least 1 row, or None for all rows at once, got {chunk}')

    def run(part: Tensor, *own: Tensor) -> tuple[Tensor, ...]:
        return function(part if head is None else head(part), *own)

    rows = outputs.shape[-2]
    if chunk is None or chunk >= rows:
        return run(outputs, *maps)
    again = torch.is_grad_enabled()
    parts = []
    # split, not slices: the gradient of each slice would be as large as the whole map
    for own in zip(*(x.split(chunk, dim=-2) for x in (outputs, *maps)), strict=True):
        parts.append(checkpoint(run, *own, use_reentrant=False) if again else run(*own))
    return tuple(torch.cat(pieces, dim=-2) for pieces in zip(*parts, strict=True))
