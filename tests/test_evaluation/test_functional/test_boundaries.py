import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videoseg.evaluation.functional.boundaries import boundary_f, dilate, find_boundary


def slow_boundary(mask):
    """Pixel by pixel: differs from its right, lower or lower right neighbour inside the image."""
    height, width = mask.shape
    found = np.zeros_like(mask)
    for y in range(height):
        for x in range(width):
            near = [(y, x + 1), (y + 1, x), (y + 1, x + 1)]
            if y == height - 1:
                near = near[:1]
            elif x == width - 1:
                near = near[1:2]
            found[y, x] = any(mask[a, b] != mask[y, x] for a, b in near if a < height and b < width)
    return found


def slow_dilate(mask, radius):
    ys, xs = np.indices(mask.shape)
    found = np.zeros_like(mask)
    for y, x in np.argwhere(mask):
        found |= (ys - y) ** 2 + (xs - x) ** 2 <= radius**2
    return found


def slow_f(gt, pred, radius):
    gt, pred = slow_boundary(gt), slow_boundary(pred)
    if not gt.any() or not pred.any():
        return float(gt.any() == pred.any())
    precision = (pred & slow_dilate(gt, radius)).sum() / pred.sum()
    recall = (gt & slow_dilate(pred, radius)).sum() / gt.sum()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0


def random_mask(seed, size, density):
    """Rectangles and specks, never empty."""
    rng = np.random.default_rng(seed)
    mask = rng.random(size) < density
    top, left = rng.integers(0, size[0]), rng.integers(0, size[1])
    mask[top : top + rng.integers(1, 6), left : left + rng.integers(1, 6)] = True
    return mask


def test_a_square():
    """The boundary lies on the upper and left side outside of the square, on the others inside."""
    mask = np.zeros((6, 6), bool)
    mask[2:4, 2:4] = True
    edge = find_boundary(mask, 0)
    whole = np.zeros((6, 6), bool)
    whole[edge.top : edge.top + len(edge.pixels), edge.left : edge.left + edge.pixels.shape[1]] = edge.pixels
    assert np.argwhere(whole).tolist() == [[1, 1], [1, 2], [1, 3], [2, 1], [2, 3], [3, 1], [3, 2], [3, 3]]
    assert edge.length == 8


def test_the_rim_of_the_image_is_no_boundary():
    assert find_boundary(np.ones((5, 7), bool), 2).length == 0


@pytest.mark.parametrize(('radius', 'pixels'), [(0, 1), (1, 5), (2, 13), (3, 29)])
def test_the_disk(radius, pixels):
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    assert dilate(mask, radius).sum() == pixels


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.integers(0, 10**6),
    st.tuples(st.integers(1, 14), st.integers(1, 14)),
    st.sampled_from([0, 0.05, 0.5, 1]),
    st.integers(0, 5),
)
def test_equals_plain_loops(seed, size, density, radius):
    gt, pred = random_mask(seed, size, density), random_mask(seed + 1, size, density)
    edge = find_boundary(gt, radius)
    box = np.s_[edge.top : edge.top + edge.pixels.shape[0], edge.left : edge.left + edge.pixels.shape[1]]
    expected = slow_boundary(gt)
    assert (edge.pixels == expected[box]).all() and edge.length == expected.sum()
    near = slow_dilate(expected, radius)
    assert (edge.near == near[box]).all() and edge.near.sum() == near.sum()
    assert boundary_f(edge, find_boundary(pred, radius)) == pytest.approx(slow_f(gt, pred, radius), abs=1e-12)


def test_f_by_hand():
    """Two squares five columns apart: with radius 1 nothing of one is near the other, with radius 3 a part is."""
    masks = np.zeros((2, 12, 20), bool)
    masks[0, 4:7, 4:7] = masks[1, 4:7, 9:12] = True
    assert boundary_f(*(find_boundary(x, 1) for x in masks)) == 0
    assert boundary_f(*(find_boundary(x, 5) for x in masks)) == 1
    # Boundary columns are 3 ... 6 and 8 ... 11; with radius 3 columns 8 and 9 are near the first: 4 + 2 of 12 pixels.
    assert boundary_f(*(find_boundary(x, 3) for x in masks)) == pytest.approx(6 / 12)


def test_boundaries_far_apart():
    masks = np.zeros((2, 50, 50), bool)
    masks[0, 2:5, 2:5] = masks[1, 40:45, 40:45] = True
    assert boundary_f(*(find_boundary(x, 1) for x in masks)) == 0
