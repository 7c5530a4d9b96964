"""Points in tubes of masks, at which masks are matched and trained instead of at every pixel."""

import torch
from torch import Tensor
from torch.nn import functional as F

LAYOUTS = ('long_image', 'per_frame')


def check_layout(name: str, layout: str) -> str:
    """The layout, if there is one of that name.

    Raises:
        ValueError: Otherwise, naming the class that got it.
    """
    if layout not in LAYOUTS:
        raise ValueError(f'{name}: mask_loss must be one of {LAYOUTS}, not {layout!r}')
    return layout


def tube_maps(tubes: Tensor, layout: str) -> Tensor:
    """Tubes (R, T, h, w) as maps: (R, T*h, w) for ``'long_image'``, (R*T, h, w) for ``'per_frame'``."""
    return tubes.flatten(1, 2) if layout == 'long_image' else tubes.flatten(0, 1)


def draw_points(rows: int, num_points: int, device: torch.device | str) -> Tensor:
    """Uniform points (rows, num_points, 2), (x, y) in [0, 1): the only random draw of matching and mask losses.

    It uses the default generator of the device, which the runner seeds and every checkpoint keeps.
    """
    return torch.rand((rows, num_points, 2), device=device)


def sample_points(maps: Tensor, points: Tensor) -> Tensor:
    """Bilinear values of maps at points; zero outside, cells centred as in ``grid_sample(align_corners=False)``.

    Args:
        maps: (R, h, w).
        points: (R, P, 2) in [0, 1], or (1, P, 2) shared by all maps.

    Returns:
        (R, P) in single precision.
    """
    grid = (2 * points - 1)[:, :, None]
    if len(points) == 1:
        return F.grid_sample(maps[None].float(), grid, align_corners=False)[0, :, :, 0]
    return F.grid_sample(maps[:, None].float(), grid, align_corners=False)[:, 0, :, 0]


def draw_uncertain_points(
    logits: Tensor, num_points: int, oversample_ratio: float = 3.0, importance_sample_ratio: float = 0.75
) -> Tensor:
    """Points at which masks are trained: mostly where they are undecided.

    Of ``oversample_ratio * num_points`` candidates a map, those with the smallest absolute logit are kept; the rest is
    drawn anew. Source: PointRend; ``specs/tube_link.md`` section 2.4. The same as mmdet's
    ``get_uncertain_point_coords_with_randomness``, without the need for mmcv's compiled operators.

    Args:
        logits: (R, h, w).
        num_points: P.
        oversample_ratio: Candidates for each point.
        importance_sample_ratio: Share of the points that are chosen among the candidates.

    Returns:
        (R, P, 2) in [0, 1].
    """
    candidates = draw_points(len(logits), int(num_points * oversample_ratio), logits.device)
    num_uncertain = int(importance_sample_ratio * num_points)
    distance = sample_points(logits, candidates).abs()
    chosen = distance.topk(num_uncertain, dim=1, largest=False).indices
    points = candidates.gather(1, chosen[..., None].expand(-1, -1, 2))
    if num_points > num_uncertain:
        points = torch.cat([points, draw_points(len(logits), num_points - num_uncertain, logits.device)], dim=1)
    return points
