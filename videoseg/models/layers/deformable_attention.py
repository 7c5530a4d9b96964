"""Multi-scale deformable attention on whatever device there is."""

import functools
import itertools
import logging
import math
from collections.abc import Callable, Sequence

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

Sizes = Sequence[tuple[int, int]]
SAMPLES_AT_ONCE = 1 << 18
"""Samples that :func:`sample_rows` works on at a time: 12 MiB of indices and weights."""
SampleFunction = Callable[[Tensor, Sizes, Tensor, Tensor], Tensor]


def sample_pytorch(value: Tensor, sizes: Sizes, locations: Tensor, weights: Tensor) -> Tensor:
    """Weighted bilinear samples of all levels, in plain PyTorch; zero outside the maps.

    Args:
        value: (B, S, M, D) values of M heads at all S cells, level after level.
        sizes: (h, w) of each of the L levels.
        locations: (B, Q, M, L, P, 2) x and y of the P samples, in [0, 1] over the level.
        weights: (B, Q, M, L, P).

    Returns:
        (B, Q, M * D).
    """
    batch, queries, heads = locations.shape[:3]
    maps = value.split([h * w for h, w in sizes], dim=1)
    grids = (2 * locations - 1).transpose(1, 2).flatten(0, 1)  # (B*M, Q, L, P, 2)
    weights = weights.transpose(1, 2).flatten(0, 1)  # (B*M, Q, L, P)
    total: Tensor | float = 0.0
    for level, (x, (h, w)) in enumerate(zip(maps, sizes, strict=True)):
        x = x.permute(0, 2, 3, 1).reshape(batch * heads, x.shape[-1], h, w)
        samples = F.grid_sample(x, grids[:, :, level], mode='bilinear', padding_mode='zeros', align_corners=False)
        total = total + (samples * weights[:, None, :, level]).sum(-1)  # (B*M, D, Q)
    return total.reshape(batch, heads * value.shape[-1], queries).transpose(1, 2)


def sample_rows(value: Tensor, sizes: Sizes, cells: Tensor, weights: Tensor) -> Tensor:
    """:func:`sample_pytorch` for a CPU without gradients, some four times as fast.

    A head's value at a cell is a row of memory, and what a query gets is a weighted sum of 4 L P rows: one
    ``embedding_bag``. Maps get a border of zeros, so that corners outside need no test, and the frames are taken a few
    at a time, so that the indices stay in the cache.

    Args:
        value: As there; gradients do not flow back.
        sizes: As there.
        cells: (B, Q, M, L, P, 2) x and y of the P samples in cells of the level, 0 at the centre of the first.
        weights: (B, Q, M, L, P).

    Returns:
        (B, Q, M * D).
    """
    batch, queries, heads, levels, points = weights.shape
    maps = [x.unflatten(1, size) for x, size in zip(value.split([h * w for h, w in sizes], dim=1), sizes, strict=True)]
    rows = torch.cat([F.pad(x, (0, 0, 0, 0, 1, 2, 1, 2)).flatten(1, 2) for x in maps], dim=1)  # (B, S', M, D)
    firsts = [0, *itertools.accumulate((h + 3) * (w + 3) for h, w in sizes)][:-1]
    rights = torch.tensor(sizes, dtype=cells.dtype).flip(1).repeat_interleave(points, dim=0).flatten()  # (2 L P)
    down = torch.tensor([(w + 3) * heads for _, w in sizes], dtype=torch.int32).repeat_interleave(points)
    inner = torch.tensor([(x + w + 4) * heads for x, (_, w) in zip(firsts, sizes, strict=True)], dtype=torch.int32)
    inner = inner.repeat_interleave(points) + torch.arange(heads, dtype=torch.int32)[:, None]  # (M, L P), of cell 0, 0
    step = max(1, SAMPLES_AT_ONCE // max(1, math.prod(weights.shape[1:])))
    outputs = []
    for xy, w, table in zip(cells.split(step), weights.split(step), rows.split(step), strict=True):
        xy = torch.minimum(xy.flatten(3).clamp(min=-1), rights)
        low = xy.floor()
        x, y = ((xy - low)[..., i::2] for i in range(2))
        low = low.nan_to_num(-1).int()  # what is not a number has none as a fraction too, and so in its weights
        frame = torch.arange(len(w), dtype=torch.int32) * math.prod(table.shape[1:3])
        index = low[..., 0::2] * heads + low[..., 1::2] * down + inner + frame[:, None, None, None]
        w = w.flatten(3)
        right, lower = w * x, w * y
        both = right * y
        index = torch.cat([index, index + heads, index + down, index + (down + heads)], dim=-1).flatten(0, 2)
        w = torch.cat([w - right - lower + both, right - both, lower - both, both], dim=-1).flatten(0, 2)
        outputs.append(F.embedding_bag(index, table.flatten(0, 2), per_sample_weights=w, mode='sum'))
    return torch.cat(outputs).view(batch, queries, heads * value.shape[-1])


def sample_mmcv(value: Tensor, sizes: Sizes, locations: Tensor, weights: Tensor) -> Tensor:
    """:func:`sample_pytorch` by mmcv's compiled operator.

    Raises:
        ImportError: If mmcv was installed without compiled operators.
        RuntimeError: If the operator was not compiled for the device.
    """
    from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction

    shapes = torch.tensor(sizes, dtype=torch.long, device=value.device)
    starts = [0]
    for h, w in sizes[:-1]:
        starts.append(starts[-1] + h * w)
    first = torch.tensor(starts, dtype=torch.long, device=value.device)
    step = math.gcd(value.shape[0], 64)  # the operator wants a divisor of the batch
    return MultiScaleDeformableAttnFunction.apply(
        value.contiguous(), shapes, first, locations.contiguous(), weights.contiguous(), step
    )


@functools.cache
def choose_sampling(device: torch.device) -> SampleFunction:
    """mmcv's operator if it runs on the device and gives the right numbers there, else plain PyTorch.

    Tried once a process and device on a tiny input, and logged. mmcv's own module falls back on the CPU, but on CUDA
    calls the operator whether it was compiled for CUDA or not.

    Args:
        device: Where the values are.
    """
    if device.type in ('cpu', 'meta'):  # the operator has no CPU version
        return sample_pytorch
    grid = torch.linspace(-0.1, 1.1, 24, device=device)
    value = torch.linspace(-1, 1, 40, device=device).reshape(1, 10, 1, 4)
    tiny = value, ((2, 3), (2, 2)), grid.reshape(1, 3, 1, 2, 2, 2), grid[:12].reshape(1, 3, 1, 2, 2)
    try:
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            right = torch.allclose(sample_mmcv(*tiny), sample_pytorch(*tiny), rtol=1e-3, atol=1e-4)
        reason = '' if right else 'its numbers are wrong'
    except (ImportError, RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if reason:
        print_log(
            f'Deformable attention on {device}: plain PyTorch, slower than the compiled operator of mmcv, which is not '
            f'usable here: {reason}',
            logger='current',
            level=logging.WARNING,
        )
        return sample_pytorch
    print_log(f'Deformable attention on {device}: compiled operator of mmcv', logger='current')
    return sample_mmcv


class DeformableAttention(BaseModule):
    """Each query attends to a few points of each level, whose places and weights are linear in the query.

    Parameters are named and initialised as in mmcv's ``MultiScaleDeformableAttention``, whose place it takes: that one
    cannot be built where mmcv has no compiled operators, and fails on a GPU for which they were not compiled. Places
    and sums are computed in at least single precision, also under autocast: half a cell of a wide map is not
    representable in bfloat16. The sizes of the levels are plain numbers, so nothing waits for the GPU.

    Source: Zhu et al., Deformable DETR, ICLR 2021, section 4.1.

    Args:
        embed_dims: Channels C of queries and values.
        num_heads: M; divides C.
        num_levels: L feature maps.
        num_points: P samples a head, level and query.
        init_cfg: mmengine initialisation.

    Raises:
        ValueError: If the heads do not divide the channels.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        num_heads: int = 8,
        num_levels: int = 3,
        num_points: int = 4,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if embed_dims % num_heads:
            raise ValueError(f'DeformableAttention: {num_heads} heads do not divide {embed_dims} channels')
        self.num_heads = num_heads
        self.num_levels = num_levels
        self.num_points = num_points
        samples = num_heads * num_levels * num_points
        self.sampling_offsets = nn.Linear(embed_dims, samples * 2)
        self.attention_weights = nn.Linear(embed_dims, samples)
        self.value_proj = nn.Linear(embed_dims, embed_dims)
        self.output_proj = nn.Linear(embed_dims, embed_dims)

    def init_weights(self) -> None:
        """See :meth:`reset_parameters`."""
        super().init_weights()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Head m looks in direction 2 pi m / M, its p-th point p cells (of the maximum norm) away; equal weights."""
        device = self.sampling_offsets.bias.device
        angles = torch.arange(self.num_heads, dtype=torch.float32, device=device) * (2 * math.pi / self.num_heads)
        directions = torch.stack([angles.cos(), angles.sin()], dim=-1)
        directions = directions / directions.abs().amax(-1, keepdim=True)
        distances = torch.arange(1, self.num_points + 1, device=device)
        offsets = (directions[:, None, None] * distances[:, None]).expand(-1, self.num_levels, -1, -1)
        nn.init.zeros_(self.sampling_offsets.weight)
        self.sampling_offsets.bias.data = offsets.flatten().to(self.sampling_offsets.bias.dtype)
        for module in (self.attention_weights, self.value_proj, self.output_proj):
            nn.init.zeros_(module.bias)
        nn.init.zeros_(self.attention_weights.weight)
        for module in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(module.weight)

    def forward(self, query: Tensor, value: Tensor, reference_points: Tensor, sizes: Sizes) -> Tensor:
        """Attend; there is no residual.

        Args:
            query: (B, Q, C), with the positional encoding.
            value: (B, S, C), all cells level after level.
            reference_points: (Q, 2) x and y in [0, 1].
            sizes: (h, w) of every level, summing up to S cells.

        Returns:
            (B, Q, C).

        Raises:
            ValueError: If the sizes are not those of the values.
        """
        if len(sizes) != self.num_levels or sum(h * w for h, w in sizes) != value.shape[1]:
            raise ValueError(
                f'DeformableAttention: {value.shape[1]} cells are not {self.num_levels} levels of sizes {list(sizes)}'
            )
        batch, queries = query.shape[:2]
        shape = (batch, queries, self.num_heads, self.num_levels, self.num_points)
        offsets = self.sampling_offsets(query).view(*shape, 2)
        weights = self.attention_weights(query).view(*shape[:3], self.num_levels * self.num_points)
        value = self.value_proj(value).unflatten(2, (self.num_heads, -1))
        dtype, precise = value.dtype, torch.promote_types(value.dtype, torch.float32)
        with torch.autocast(value.device.type, enabled=False):
            scale = reference_points.new_tensor([(w, h) for h, w in sizes], dtype=precise)  # (L, 2)
            reference_points, offsets, weights, value = (
                x.to(precise) for x in (reference_points, offsets, weights, value)
            )
            if value.device.type == 'cpu' and precise == torch.float32 and not torch.is_grad_enabled():
                centres = (reference_points[:, None] * scale - 0.5).repeat_interleave(self.num_points, dim=1)
                cells = (offsets.flatten(3) + centres.flatten(1)[:, None]).view_as(offsets)
                weights = weights.flatten(0, 2).t().softmax(0).t().contiguous()  # over rows: faster than short columns
                output = sample_rows(value, sizes, cells, weights.view(shape))
            else:
                locations = reference_points[:, None, None, None] + offsets / scale[:, None]
                output = choose_sampling(value.device)(value, sizes, locations, weights.softmax(-1).view(shape))
        return self.output_proj(output.to(dtype))
