"""How far several samples of the same masks agree, whatever names their segments have."""

import torch
from torch import Tensor


def mask_agreement(labels: Tensor, ids: Tensor) -> Tensor:
    """Of every pixel how well the first sample's segment is found again in the others.

    A pixel's agreement with another sample is the intersection over union of the two segments that it belongs to, 0
    where the labels differ; the mean over the other samples is taken. Identities need not have the same numbers.

    Args:
        labels: (N, h, w) labels of N samples, N > 1.
        ids: (N, h, w) identities.

    Returns:
        (h, w) in [0, 1].
    """
    size = labels.shape[-2:]
    pairs = labels.flatten(1).long() * (int(ids.max()) + 1) + ids.flatten(1).long()
    _, own = pairs[0].unique(return_inverse=True)
    areas = own.bincount()
    total = torch.zeros(own.shape, device=labels.device)
    for sample in range(1, len(labels)):
        _, other = pairs[sample].unique(return_inverse=True)
        count = int(other.max()) + 1
        cell = own * count + other
        shared = cell.bincount(minlength=len(areas) * count)[cell].float()
        union = areas[own] + other.bincount()[other] - shared
        total += torch.where(labels[0].flatten() == labels[sample].flatten(), shared / union, 0)
    return (total / (len(labels) - 1)).view(size)
