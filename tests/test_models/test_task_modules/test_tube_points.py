"""Point sampling equals mmdet's."""

import pytest
import torch
from mmcv.ops import point_sample
from mmdet.models.utils import get_uncertain_point_coords_with_randomness

from tests.test_models.knet_parity import assert_close
from videoseg.models.task_modules.tube_points import draw_points, draw_uncertain_points, sample_points, tube_maps


@pytest.mark.parametrize('rows', [1, 3])
def test_values_equal_mmcv(rows):
    maps, points = torch.randn(3, 8, 5), torch.rand(rows, 20, 2) * 1.2 - 0.1
    expected = point_sample(maps[:, None], points.expand(3, -1, -1), align_corners=False)[:, 0]
    assert_close(sample_points(maps, points), expected)
    assert_close(sample_points(maps.bfloat16(), points), sample_points(maps.bfloat16().float(), points))


@pytest.mark.parametrize('maps', [torch.zeros(0, 8, 5), torch.zeros(0, 8, 5, dtype=torch.uint8)])
@pytest.mark.parametrize('rows', [0, 1])
def test_no_maps(maps, rows):
    assert sample_points(maps, torch.rand(rows, 20, 2)).shape == (0, 20)


@pytest.mark.parametrize('importance', [0.0, 0.75, 1.0])
def test_uncertain_points_equal_mmdet(importance):
    logits = torch.randn(4, 16, 6)
    torch.manual_seed(3)
    expected = get_uncertain_point_coords_with_randomness(logits[:, None], None, 24, 3.0, importance)
    torch.manual_seed(3)
    assert torch.equal(draw_uncertain_points(logits, 24, 3.0, importance), expected)


def test_the_generator_is_the_seeded_one():
    torch.manual_seed(0)
    first = draw_points(2, 5, 'cpu')
    torch.manual_seed(0)
    assert torch.equal(first, draw_points(2, 5, 'cpu')) and first.shape == (2, 5, 2)
    assert not torch.equal(first, draw_points(2, 5, 'cpu'))


def test_layouts():
    tubes = torch.arange(2 * 3 * 4 * 5).view(2, 3, 4, 5)
    long_image, per_frame = tube_maps(tubes, 'long_image'), tube_maps(tubes, 'per_frame')
    assert long_image.shape == (2, 12, 5) and per_frame.shape == (6, 4, 5)
    assert torch.equal(long_image[1, 4:8], tubes[1, 1]) and torch.equal(per_frame[4], tubes[1, 1])
