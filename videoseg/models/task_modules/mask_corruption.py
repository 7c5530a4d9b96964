"""Errors of a decoder on past maps, simulated in training."""

import torch
from torch import Tensor
from torch.nn import functional as F

from videoseg.registry import TASK_UTILS


@TASK_UTILS.register_module()
class MaskCorruption:
    """Spoil past maps as inference does, so that training sees what inference will see.

    On every map, independently: segments grow into or shrink from their neighbours, two identities are exchanged,
    segments are missing; at last whole maps are missing (all codes 0, as before the start of a video), which also
    teaches the decoder to do without. The reference has the last only. Source: ``specs/pix2seq_d.md`` sections 7, 14.3.

    Args:
        radius: Largest shift of a boundary, in pixels of the map; drawn from 1 to ``radius``.
        boundary_prob: Share of maps with shifted boundaries.
        swap_prob: Share of maps with two identities exchanged.
        drop_prob: Share of segments that are missing, stuff too.
        frame_dropout: Share of maps that are missing.

    Raises:
        ValueError: If a share is not in [0, 1] or the radius is negative.
    """

    def __init__(
        self,
        radius: int = 2,
        boundary_prob: float = 0.5,
        swap_prob: float = 0.1,
        drop_prob: float = 0.05,
        frame_dropout: float = 0.2,
    ) -> None:
        shares = dict(
            boundary_prob=boundary_prob, swap_prob=swap_prob, drop_prob=drop_prob, frame_dropout=frame_dropout
        )
        for name, share in shares.items():
            if not 0 <= share <= 1:
                raise ValueError(f'MaskCorruption: {name} must be in [0, 1], got {share}')
        if radius < 0:
            raise ValueError(f'MaskCorruption: radius must not be negative, got {radius}')
        self.radius = radius
        self.boundary_prob = boundary_prob
        self.swap_prob = swap_prob
        self.drop_prob = drop_prob
        self.frame_dropout = frame_dropout

    def __call__(self, labels: Tensor, ids: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Corrupt maps.

        Args:
            labels: (..., h, w) int64 class codes, 0 = void.
            ids: (..., h, w) int64 identity codes, 0 = none.
            generator: Where all random numbers come from.

        Returns:
            New maps of the same shapes. No code appears in a map that it was not in.
        """
        shape = labels.shape
        labels, ids = labels.reshape(-1, *shape[-2:]), ids.reshape(-1, *shape[-2:])
        count = len(labels)
        num_labels, num_ids = (int(x.max()) + 1 if x.numel() else 1 for x in (labels, ids))
        frame = torch.arange(count, device=labels.device)[:, None, None]
        keys, rows = ((frame * num_labels + labels) * num_ids + ids).unique(return_inverse=True)
        owner, own_labels, own_ids = keys // (num_labels * num_ids), keys // num_ids % num_labels, keys % num_ids

        def draw(*size: int) -> Tensor:
            return torch.rand(size, generator=generator, device=generator.device).to(labels.device)

        rows = self._shift_boundaries(rows, len(keys), draw)
        own_ids = self._swap(owner, own_ids, count, max(num_ids, 3), draw)
        missing = (draw(len(keys)) < self.drop_prob) | (draw(count) < self.frame_dropout)[owner]
        own_labels, own_ids = own_labels.masked_fill(missing, 0), own_ids.masked_fill(missing, 0)
        return own_labels[rows].view(shape), own_ids[rows].view(shape)

    def _shift_boundaries(self, rows: Tensor, num_segments: int, draw) -> Tensor:
        """Dilate segments in a random order of strength: (M, h, w) segment of each pixel, before and after."""
        order = draw(num_segments).argsort()
        shifted = draw(len(rows)) < self.boundary_prob
        radii = (draw(len(rows)) * self.radius).long().clamp(max=max(self.radius - 1, 0)) + 1
        strength = order.argsort()[rows].float()[:, None]  # whole numbers below 2 ** 24 are exact
        result = strength
        for radius in range(1, self.radius + 1):
            chosen = (shifted & (radii == radius))[:, None, None, None]
            result = torch.where(chosen, F.max_pool2d(strength, 2 * radius + 1, 1, radius), result)
        return order[result[:, 0].long()]

    def _swap(self, owner: Tensor, own_ids: Tensor, count: int, num_ids: int, draw) -> Tensor:
        """Exchange two identities of some maps.

        Args:
            owner: (S,) map of each segment.
            own_ids: (S,) its identity.
            count: Number of maps.
            num_ids: Identities, 0 among them, at least 3.
            draw: Uniform random numbers.
        """
        present = torch.zeros((count, num_ids), dtype=torch.bool, device=own_ids.device)
        present[owner, own_ids] = True
        chance = draw(count, num_ids).masked_fill(~present, -1)
        chance[:, 0] = -1  # no instance
        best, pair = chance.topk(2, dim=1)
        swapped = (draw(count) < self.swap_prob) & (best[:, 1] >= 0)
        table = torch.arange(num_ids, device=own_ids.device).repeat(count, 1)
        table = torch.where(swapped[:, None], table.scatter(1, pair, pair.flip(1)), table)
        return table[owner, own_ids]
