"""Both denoisers: the common interface, the sizes of the paper, and what each is told."""

import sys

import pytest
import torch
from torch.nn import functional as F

from videoseg.models.decoders import DiffusersMaskDenoiser, TransUNetDenoiser
from videoseg.models.decoders.trans_unet_denoiser import sinusoid

SIZES = dict(bit_channels=30, cond_channels=16, token_channels=24, out_channels=40)


def tiny(kind):
    torch.manual_seed(0)
    if kind is TransUNetDenoiser:
        model = kind(**SIZES, base_channels=16, bottom_channels=32, num_layers=2, num_heads=4, time_channels=32)
        torch.nn.init.normal_(model.conv_out.weight, std=0.3)  # it starts at almost zero
    else:
        model = kind(**SIZES, base_channels=16, num_layers=1, num_heads=2, num_groups=4)
    return model.eval()


def inputs(size=(13, 19), batch=2):
    generator = torch.Generator().manual_seed(1)
    shapes = [(30, *size), (16, *size), (6, 24)]
    return [torch.randn(batch, *shape, generator=generator) for shape in shapes] + [torch.tensor([0.2, 0.9])[:batch]]


@pytest.mark.parametrize('kind', [TransUNetDenoiser, DiffusersMaskDenoiser])
def test_logits_at_odd_sizes_depend_on_everything(kind):
    model = tiny(kind)
    given = inputs()
    with torch.no_grad():
        logits = model(*given)
        assert logits.shape == (2, 40, 13, 19)
        torch.testing.assert_close(model.head(model.features(*given)), logits)
        torch.testing.assert_close(model(*[x[:1] for x in given]), logits[:1], rtol=1e-4, atol=1e-4)
        for position in range(4):
            changed = list(given)
            changed[position] = given[position] * 0.5
            assert not torch.allclose(model(*changed), logits), position
    for parameter in model.parameters():
        parameter.requires_grad_()
    model(*given).square().mean().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_head_works_on_a_few_rows():
    model, given = tiny(TransUNetDenoiser), inputs()
    with torch.no_grad():
        features = model.features(*given)
        rows = torch.cat([model.head(part) for part in features.split(4, dim=2)], dim=2)
        torch.testing.assert_close(rows, model(*given))


def windowed(**options) -> TransUNetDenoiser:
    narrow = dict(base_channels=16, bottom_channels=32, num_layers=1, num_heads=4, time_channels=32)
    return TransUNetDenoiser(**SIZES, **narrow, **options)


def test_bit_windows_show_the_last_convolution_sums_of_bits():
    model, given = windowed(bit_windows=(1, 3, 5)), inputs()
    bits, channels = given[0], given[0].shape[1]
    with torch.no_grad():
        own, three, five = model.features(*given)[:, -3 * channels :].split(channels, dim=1)
        torch.testing.assert_close(own, bits)
        for sums, side in ((three, 3), (five, 5)):
            kernel = torch.full((channels, 1, side, side), 1 / side)
            torch.testing.assert_close(sums, F.conv2d(bits, kernel, padding=side // 2, groups=channels))
        model.conv_out.weight[:, : -3 * channels] = 0
        shown = torch.cat([own, three, five], dim=1)
        expected = torch.einsum('ob,nbhw->nohw', model.conv_out.weight[:, -3 * channels :, 0, 0], shown)
        torch.testing.assert_close(model(*given), expected, rtol=1e-4, atol=1e-8)


def test_bit_windows_are_weighted_by_the_noise_level():
    model, (bits, cond, tokens, _) = windowed(bit_windows=(1,)), inputs()
    channels = bits.shape[1]
    torch.nn.init.normal_(model.bit_windows.gate.weight)
    with torch.no_grad():
        levels = [torch.full((len(bits),), gamma) for gamma in (0.1, 0.9)]
        shares = [model.features(bits, cond, tokens, gamma)[:, -channels:] / bits for gamma in levels]
    for share in shares:
        torch.testing.assert_close(share, share[:1, :, :1, :1].expand_as(share), rtol=1e-3, atol=1e-3)
    assert (shares[0] - shares[1]).abs().max() > 0.1


def test_even_bit_windows_are_refused():
    with pytest.raises(ValueError, match='odd'):
        windowed(bit_windows=(1, 4))


def test_starts_at_almost_zero():
    """Last convolutions of the network and of every block: small enough to be nothing, with gradients."""
    torch.manual_seed(0)
    model = TransUNetDenoiser(**SIZES, base_channels=16, bottom_channels=32, num_layers=1, num_heads=4)
    last = [p for name, p in model.named_parameters() if name.endswith(('conv_out.weight', 'conv2.weight'))]
    assert len(last) == 1 + 4 + 8
    assert all(0 < p.abs().max() < 1e-5 for p in last)
    assert model(*inputs()).abs().max() < 1e-3


def test_levels_blocks_and_skips_of_the_paper():
    with torch.device('meta'):
        model = TransUNetDenoiser(48, 256, 512, 512)  # two past masks, 16 bits
    assert model.conv_in.weight.shape == (128, 304, 1, 1)
    assert [b.conv1.weight.shape[:2] for b in model.down_blocks] == [(128, 128), (128, 128), (256, 128), (256, 256)]
    ups = [(256, 512), (256, 512), (256, 512), (256, 384), (128, 384), (128, 256), (128, 256), (128, 256)]
    assert [b.conv1.weight.shape[:2] for b in model.up_blocks] == ups
    assert [c.stride for c in model.down_convs] == [(2, 2)] * 3 and len(model.up_convs) == 3
    assert len(model.bottom.layers.layers) == 6
    assert model.conv_out.weight.shape == (512, 128, 1, 1)
    assert model.time_mlp[0].in_features == 128 and model.time_mlp[2].out_features == 512


def test_parameter_counts():
    """diffusers' U-Net as measured; encoder, merge and denoiser of the paper together (recalled as about 94.5 M)."""
    from videoseg.models.necks import PyramidMerge

    with torch.device('meta'):
        stock = DiffusersMaskDenoiser(48, 256, 512, 512)
        own = TransUNetDenoiser(16, 256, 512, 512)
        neck = PyramidMerge([256, 512, 1024], strides=(4, 8, 16), num_layers=12)
    count = lambda model: sum(p.numel() for p in model.parameters()) / 1e6  # noqa: E731
    assert count(stock) == pytest.approx(29.6, abs=0.05)
    assert count(own) == pytest.approx(42.8, abs=0.05)
    assert 8.54 + count(own) + count(neck) == pytest.approx(94.5, abs=1)  # 8.54: ResNet-50 up to stage 3


def test_own_attention_for_image_and_masks_and_a_token_for_time():
    """Weak point 9 of the student port: one module for both kinds of attention, and no time token."""
    model = tiny(TransUNetDenoiser)
    layer = model.bottom.layers.layers[0]
    assert layer.self_attn is not layer.multihead_attn
    bits, cond, tokens, _ = inputs(batch=1)
    x = torch.randn(1, 32, 2, 3)
    time = model.time_mlp(sinusoid(torch.tensor([2e3, 9e3]), 16))
    with torch.no_grad():
        first, second = (model.bottom(x, tokens, t[None]) for t in time)
        model.bottom.time_token.weight.zero_()
        silent = [model.bottom(x, tokens, t[None]) for t in time]
    assert not torch.allclose(first, second)
    torch.testing.assert_close(*silent)  # the token is the only way in


def test_missing_diffusers_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'diffusers', None)
    with pytest.raises(ImportError, match='needs UNet2DConditionModel of diffusers.*pip install .*optional'):
        DiffusersMaskDenoiser(**SIZES)
