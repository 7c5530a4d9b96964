"""The two parts that describe the pixels of a mask: average and RoIAlign."""

import pytest
import torch

from videoseg.models.decoders import MaskAverage, MaskRoIAlign
from videoseg.models.decoders.mask_roi_align import exclusive_boxes

MASKS = torch.zeros(4, 6, 9)
MASKS[0, 1:3, 2:7] = 1
MASKS[1, 5, 8] = 0.25
MASKS[2] = 1  # MASKS[3] is empty


def test_average_of_the_pixels_under_each_mask():
    features = torch.randn(5, 6, 9)
    out = MaskAverage(5)(features, MASKS)
    torch.testing.assert_close(out[0], features[:, 1:3, 2:7].mean((1, 2)))
    torch.testing.assert_close(out[1], features[:, 5, 8])
    torch.testing.assert_close(out[2], features.mean((1, 2)))
    assert not out[3].any()


def test_soft_masks_weigh_the_pixels():
    features = torch.tensor([[[2.0, 10.0]]])
    out = MaskAverage(1)(features, torch.tensor([[[0.75, 0.25]]]))
    torch.testing.assert_close(out, torch.tensor([[4.0]]))


def test_boxes_end_after_the_last_cell():
    assert exclusive_boxes(MASKS > 0).tolist() == [[2, 1, 7, 3], [8, 5, 9, 6], [0, 0, 9, 6], [0, 0, 0, 0]]


def bilinear_at(features, y, x):
    """Value (C,) at a point whose cell centres lie at whole numbers; clamped to the map."""
    height, width = features.shape[-2:]
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    y0, x0 = int(y), int(x)
    y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
    top = features[:, y0, x0] * (1 - x + x0) + features[:, y0, x1] * (x - x0)
    bottom = features[:, y1, x0] * (1 - x + x0) + features[:, y1, x1] * (x - x0)
    return top * (1 - y + y0) + bottom * (y - y0)


def test_samples_lie_evenly_in_the_box():
    features = torch.randn(3, 6, 9)
    part = MaskRoIAlign(3, output_size=2, sampling_ratio=2)
    with torch.no_grad():
        part.fc.weight.copy_(torch.eye(12)[:3])  # gives back the first channel's first three cells of the grid
        part.fc.bias.zero_()
        out = part(features, MASKS)
    for row, (x0, y0, x1, y1) in enumerate([(2, 1, 7, 3), (8, 5, 9, 6), (0, 0, 9, 6)]):
        for cell, (i, j) in enumerate([(0, 0), (0, 1), (1, 0)]):
            ys = [y0 + (y1 - y0) * (2 * i + a + 0.5) / 4 - 0.5 for a in (0, 1)]
            xs = [x0 + (x1 - x0) * (2 * j + b + 0.5) / 4 - 0.5 for b in (0, 1)]
            points = [bilinear_at(features, y, x) for y in ys for x in xs]
            torch.testing.assert_close(out[row, cell], torch.stack(points).mean(0)[0])
    assert not out[3].any()


@pytest.mark.parametrize('part', [MaskAverage(8), MaskRoIAlign(8)])
def test_masks_are_described_one_by_one(part):
    features, order = torch.randn(8, 6, 9), torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        torch.testing.assert_close(part(features, MASKS[order]), part(features, MASKS)[order])
        assert part(features, MASKS[:0]).shape == (0, 8)


@pytest.mark.parametrize('part', [MaskAverage(8), MaskRoIAlign(8)])
def test_gradient_reaches_the_features_inside_only(part):
    features = torch.randn(8, 6, 9, requires_grad=True)
    part(features, MASKS[:1]).square().sum().backward()
    inside = features.grad.abs().sum(0) > 0
    assert inside[1:3, 2:7].all() and not inside[4:].any() and not inside[:, 8:].any()


def test_roi_align_inside_autocast():
    part = MaskRoIAlign(8)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        low = part(torch.randn(8, 6, 9).bfloat16(), MASKS)
    assert low.shape == (4, 8) and torch.isfinite(low.float()).all()
