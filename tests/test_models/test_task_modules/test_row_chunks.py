"""Per-pixel functions a few rows at a time: what exists at once, and gradients."""

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from videoseg.models.task_modules.row_chunks import map_rows


class Watched(nn.Conv2d):
    """A pixel-wise head that notes how many rows it was asked for."""

    def __init__(self):
        super().__init__(4, 64, 1)
        self.rows = []

    def forward(self, x):
        self.rows.append(x.shape[-2])
        return super().forward(x)


class Sizes(TorchDispatchMode):
    """Notes the size of every new tensor."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and not function.is_view:
            self.sizes.append(result.numel())
        return result


def squares(logits):
    return (logits.square().sum(1),)


def test_logits_of_a_chunk_at_a_time_forwards_and_backwards():
    head, features = Watched(), torch.randn(2, 4, 10, 3, requires_grad=True)
    (result,) = map_rows(squares, features, head=head, chunk=4)
    assert head.rows == [4, 4, 2]
    result.sum().backward()
    assert sorted(head.rows) == [2, 2, 4, 4, 4, 4]  # each chunk is made again, no logits were kept
    chunked = [features.grad.clone(), head.weight.grad.clone(), head.bias.grad.clone()]
    features.grad = None
    head.zero_grad()
    (whole,) = map_rows(squares, features, head=head)
    whole.sum().backward()
    assert torch.allclose(result, whole, rtol=1e-6)
    for one, other in zip(chunked, (features.grad, head.weight.grad, head.bias.grad), strict=True):
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-5)


def test_what_is_kept_for_the_backward_pass_is_small():
    """Peak of saved tensors: with chunks only the features and the result, not 64 channels of logits."""

    def saved(chunk):
        head, features, sizes = Watched(), torch.randn(1, 4, 32, 8, requires_grad=True), []
        with torch.autograd.graph.saved_tensors_hooks(lambda x: sizes.append(x.numel()) or x, lambda x: x):
            map_rows(squares, features, head=head, chunk=chunk)
        return max(sizes, default=0)

    assert saved(None) >= 64 * 32 * 8
    assert saved(2) <= 4 * 32 * 8


def test_only_the_gradient_as_a_whole_is_as_large_as_the_features():
    """No chunk makes a gradient of the size of all rows, of which most would be 0."""
    head, features = Watched(), torch.randn(1, 4, 64, 8, requires_grad=True)
    (result,) = map_rows(squares, features, head=head, chunk=2)
    total = result.sum()
    with Sizes() as made:
        total.backward()
    assert max(made.sizes) == features.numel() and made.sizes.count(features.numel()) == 1


def test_further_maps_are_cut_alike_and_without_gradients_nothing_is_repeated():
    head = Watched()
    extra = torch.arange(6.0)[:, None].expand(6, 2)
    with torch.no_grad():
        result = map_rows(
            lambda x, y: (x[:, 0] * 0 + y, x[:, :2] * 0 + y), torch.randn(1, 4, 6, 2), extra, head=head, chunk=5
        )
    assert torch.equal(result[0], extra[None]) and torch.equal(result[1], extra.expand(1, 2, 6, 2))
    assert head.rows == [5, 1]
