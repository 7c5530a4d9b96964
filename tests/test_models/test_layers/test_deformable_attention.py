"""Deformable attention equals mmcv's module, on whichever path it runs."""

import sys

import pytest
import torch

from videoseg.models.layers import deformable_attention
from videoseg.models.layers.deformable_attention import (
    DeformableAttention,
    choose_sampling,
    sample_mmcv,
    sample_pytorch,
    sample_rows,
)

SIZES = ((3, 5), (6, 9))
CELLS = sum(h * w for h, w in SIZES)


@pytest.fixture(autouse=True)
def forget_choices():
    """Every test tries the devices itself."""
    choose_sampling.cache_clear()
    yield
    choose_sampling.cache_clear()


def attention(dtype=torch.float32):
    """With random weights: offsets of a few cells."""
    module = DeformableAttention(16, num_heads=4, num_levels=2, num_points=3)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module.to(dtype)


def inputs(queries=7, dtype=torch.float32):
    return (
        torch.randn(2, queries, 16, dtype=dtype),
        torch.randn(2, CELLS, 16, dtype=dtype),
        torch.rand(queries, 2, dtype=dtype),
    )


def loop(value, sizes, locations, weights):
    """The definition, sample by sample: bilinear between cell centres, zero outside."""
    batch, queries, heads, levels, points = weights.shape
    out = torch.zeros(batch, queries, heads, value.shape[-1], dtype=value.dtype)
    for b, q, m, level, p in torch.cartesian_prod(*(torch.arange(n) for n in weights.shape)).tolist():
        h, w = sizes[level]
        start = sum(i * j for i, j in sizes[:level])
        grid = value[b, start : start + h * w, m].view(h, w, -1)
        x, y = locations[b, q, m, level, p] * torch.tensor([w, h]) - 0.5
        for row in (int(y.floor()), int(y.floor()) + 1):
            for column in (int(x.floor()), int(x.floor()) + 1):
                if 0 <= row < h and 0 <= column < w:
                    share = (1 - abs(x - column)) * (1 - abs(y - row))
                    out[b, q, m] += weights[b, q, m, level, p] * share * grid[row, column]
    return out.flatten(2)


def test_plain_sampling_is_the_definition():
    torch.manual_seed(1)
    value = torch.randn(2, CELLS, 2, 3, dtype=torch.float64)
    locations = torch.rand(2, 4, 2, 2, 3, 2, dtype=torch.float64) * 1.4 - 0.2
    weights = torch.rand(2, 4, 2, 2, 3, dtype=torch.float64)
    torch.testing.assert_close(sample_pytorch(value, SIZES, locations, weights), loop(value, SIZES, locations, weights))


@pytest.mark.parametrize('at_once', [1 << 18, 1])
def test_sums_of_rows_are_the_same(monkeypatch, at_once):
    """Corners far outside, on the border and at infinity too, with all frames at once and one by one."""
    monkeypatch.setattr(deformable_attention, 'SAMPLES_AT_ONCE', at_once)
    torch.manual_seed(2)
    value = torch.randn(3, CELLS, 2, 4)
    locations = torch.rand(3, 40, 2, 2, 3, 2) * 3 - 1
    locations[:, 0], locations[:, 1], locations[:, 2], locations[:, 3] = 0, 1, 50, -50
    weights = torch.rand(3, 40, 2, 2, 3)
    cells = locations * torch.tensor([(w, h) for h, w in SIZES])[:, None] - 0.5
    expected = sample_pytorch(value, SIZES, locations, weights)
    torch.testing.assert_close(sample_rows(value, SIZES, cells, weights), expected, rtol=1e-5, atol=1e-5)
    cells[:, 2] = torch.inf
    assert not sample_rows(value, SIZES, cells, weights)[:, 2].any()


@pytest.mark.parametrize('heads', [1, 2, 3])
@pytest.mark.parametrize('axis', [0, 1])
def test_what_is_not_a_number_stays_where_it_is(heads, axis):
    """One place of one query and head: its output is none either, and the others are as before."""
    torch.manual_seed(3)
    value, weights = torch.randn(2, CELLS, heads, 4), torch.rand(2, 5, heads, 2, 3)
    cells = torch.rand(2, 5, heads, 2, 3, 2) * 6 - 1
    expected = sample_rows(value, SIZES, cells, weights).unflatten(2, (heads, 4))
    cells[1, 2, heads - 1, 1, 0, axis] = torch.nan
    found = sample_rows(value, SIZES, cells, weights).unflatten(2, (heads, 4))
    expected[1, 2, heads - 1] = torch.nan
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize(('batch', 'queries'), [(0, 7), (2, 0)])
def test_nothing_to_sample(batch, queries):
    value, weights = torch.randn(batch, CELLS, 2, 4), torch.rand(batch, queries, 2, 2, 3)
    assert sample_rows(value, SIZES, torch.rand(*weights.shape, 2), weights).shape == (batch, queries, 8)
    for gradients in (False, True):
        with torch.set_grad_enabled(gradients):
            found = attention()(
                torch.randn(batch, queries, 16), torch.randn(batch, CELLS, 16), torch.rand(queries, 2), SIZES
            )
        assert found.shape == (batch, queries, 16)


def test_without_gradients_on_the_cpu_rows_are_summed(monkeypatch):
    calls = []
    monkeypatch.setattr(deformable_attention, 'sample_rows', lambda *args: calls.append(1) or sample_rows(*args))
    module, (query, value, points) = attention(), inputs()
    expected = module(query, value, points, SIZES)
    assert not calls and expected.requires_grad
    with torch.no_grad():
        torch.testing.assert_close(module(query, value, points, SIZES), expected, rtol=1e-5, atol=1e-6)
        assert calls == [1]
        double = [x.double() for x in (query, value, points)]
        same = attention(torch.float64)(*double, SIZES)
    assert calls == [1] and same.dtype == torch.float64  # grid_sample is as precise as the input


def test_equals_the_module_of_mmcv():
    from mmcv.ops import MultiScaleDeformableAttention

    ours = attention()
    theirs = MultiScaleDeformableAttention(16, 4, 2, 3, dropout=0.0, batch_first=True)
    theirs.load_state_dict(ours.state_dict())  # strict: the same names
    query, value, points = inputs()
    shapes = torch.tensor(SIZES)
    expected = theirs(
        query,
        value=value,
        identity=torch.zeros_like(query),
        reference_points=points[None, :, None].expand(2, -1, 2, -1),
        spatial_shapes=shapes,
        level_start_index=torch.tensor([0, 15]),
    )
    torch.testing.assert_close(ours(query, value, points, SIZES), expected, rtol=1e-5, atol=1e-6)


def test_initialised_as_the_module_of_mmcv():
    from mmcv.ops import MultiScaleDeformableAttention

    ours = DeformableAttention(32, num_heads=8, num_levels=3)
    ours.init_weights()
    theirs = MultiScaleDeformableAttention(32, 8, 3, 4)
    for name in ('sampling_offsets', 'attention_weights'):
        for kind in ('weight', 'bias'):
            torch.testing.assert_close(getattr(getattr(ours, name), kind), getattr(getattr(theirs, name), kind))
    assert ours.value_proj.weight.std() > 0 and not ours.output_proj.bias.any()


def test_the_operator_has_no_cpu_version():
    """Why the CPU is not even tried."""
    assert choose_sampling(torch.device('cpu')) is sample_pytorch
    value, locations, weights = torch.rand(1, 6, 1, 4), torch.rand(1, 2, 1, 1, 2, 2), torch.rand(1, 2, 1, 1, 2)
    with pytest.raises(RuntimeError, match='cpu not found'):
        sample_mmcv(value, ((2, 3),), locations, weights)


class FakeDevice:
    """A device of another name whose tensors live on the CPU."""

    type = 'cuda'

    def __str__(self):
        return 'cuda:0'


def choice(monkeypatch, operator):
    """What is chosen, and the log lines, on a device where the compiled operator is ``operator``."""
    lines = []
    monkeypatch.setattr(deformable_attention, 'sample_mmcv', operator)
    monkeypatch.setattr(deformable_attention, 'print_log', lambda text, **_: lines.append(text))
    linspace = torch.linspace
    monkeypatch.setattr(torch, 'linspace', lambda *args, device=None, **kwargs: linspace(*args, **kwargs))
    monkeypatch.setattr(torch, 'autocast', lambda *args, **kwargs: torch.inference_mode())
    device = FakeDevice()
    chosen = choose_sampling(device)
    assert choose_sampling(device) is chosen
    assert len(lines) == 1  # tried and logged once
    return chosen, lines[0]


def test_operator_that_was_not_compiled_for_the_device(monkeypatch):
    chosen, line = choice(monkeypatch, sample_mmcv)  # raises: the operator of the CPU build
    assert chosen is sample_pytorch and 'plain PyTorch' in line and 'not found' in line and 'cuda:0' in line


def test_operator_with_wrong_numbers(monkeypatch):
    chosen, line = choice(monkeypatch, lambda *args: sample_pytorch(*args) + 0.01)
    assert chosen is sample_pytorch and 'its numbers are wrong' in line


def test_operator_that_works(monkeypatch):
    def operator(*args):
        return sample_pytorch(*args)

    chosen, line = choice(monkeypatch, operator)
    assert chosen is operator and 'compiled operator' in line


def test_without_compiled_operators(monkeypatch):
    """mmcv installed without them: nothing of it is imported on the way."""
    for name in [n for n in sys.modules if n.startswith('mmcv.ops')]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'mmcv._ext', None)
    query, value, points = inputs()
    assert torch.isfinite(attention()(query, value, points, SIZES)).all()
    chosen, line = choice(monkeypatch, sample_mmcv)
    assert chosen is sample_pytorch and 'mmcv._ext' in line


def test_batch_sizes_for_the_operator(monkeypatch):
    """The operator wants a step that divides the batch; 65 images are no multiple of its usual 64."""
    from mmcv.ops import multi_scale_deform_attn as mmcv_op

    seen = []

    def forward(value, shapes, starts, locations, weights, im2col_step):
        seen.append((shapes.tolist(), starts.tolist(), value.shape[0] % im2col_step))
        return sample_pytorch(value, SIZES, locations, weights)

    monkeypatch.setattr(mmcv_op.ext_module, 'ms_deform_attn_forward', forward)
    for batch in (1, 6, 65, 128):
        value, weights = torch.rand(batch, CELLS, 1, 4), torch.rand(batch, 2, 1, 2, 2)
        locations = torch.rand(batch, 2, 1, 2, 2, 2)
        out = sample_mmcv(value, SIZES, locations, weights)
        torch.testing.assert_close(out, sample_pytorch(value, SIZES, locations, weights))
    assert seen == [([[3, 5], [6, 9]], [0, 15], 0)] * 4


def test_bfloat16_keeps_places_precise():
    """Under autocast the places of the samples do not lose their bits: a wide map would be sampled cells beside."""
    size = ((1, 400),)
    module = DeformableAttention(16, num_heads=4, num_levels=1, num_points=1)
    module.init_weights()
    torch.nn.init.zeros_(module.sampling_offsets.bias)
    value = torch.linspace(-1, 1, 400)[None, :, None].repeat(1, 1, 16) * torch.randn(16)
    points = torch.stack([(torch.arange(400) + 0.5) / 400, torch.full((400,), 0.5)], dim=1)
    query = torch.zeros(1, 400, 16)
    expected = module(query, value, points, size)
    with torch.autocast('cpu', torch.bfloat16):
        found = module(query, value, points, size)
    assert found.dtype == torch.bfloat16
    error = (found.float() - expected).abs().max() / expected.abs().max()
    assert error < 0.02


def test_gradients():
    module = attention(torch.float64)
    query, value, points = (x.requires_grad_() for x in inputs(3, torch.float64))
    assert torch.autograd.gradcheck(lambda q, v: module(q, v, points.detach(), SIZES), (query, value))


def test_wrong_sizes_are_refused():
    query, value, points = inputs()
    with pytest.raises(ValueError, match=r'69 cells are not 2 levels'):
        attention()(query, value, points, ((3, 5), (6, 8)))
    with pytest.raises(ValueError, match='do not divide'):
        DeformableAttention(16, num_heads=3)
