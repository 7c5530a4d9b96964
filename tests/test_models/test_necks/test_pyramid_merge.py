import pytest
import torch

from videoseg.models.layers.group_count import group_count
from videoseg.models.necks import PyramidMerge


def maps(channels, sizes, batch=2):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(batch, c, *size, generator=generator) for c, size in zip(channels, sizes, strict=True)]


@pytest.mark.parametrize(('mask_stride', 'size', 'used'), [(2, (48, 64), 3), (4, (24, 32), 3), (8, (12, 16), 2)])
def test_masks_at_any_stride(mask_stride, size, used):
    neck = PyramidMerge([16, 24, 40, 64], out_channels=20, token_channels=32, mask_stride=mask_stride)
    feats = neck(maps([16, 24, 40, 64], [(24, 32), (12, 16), (6, 8), (3, 4)]), num_frames=2)
    assert feats.mask_features.shape == (2, 20, *size) and feats.stride == mask_stride
    assert [x.shape for x in feats.multi_scale] == [(2, 32, 3, 4)]
    assert len(neck.merge_convs) == used  # maps finer than the masks have no parameters
    assert feats.batch_size == 1


def test_odd_sizes_and_gradients_reach_everything():
    neck = PyramidMerge([8, 16, 32], strides=(4, 8, 16), out_channels=12, token_channels=16, num_layers=1, num_heads=4)
    inputs = [x.requires_grad_() for x in maps([8, 16, 32], [(13, 19), (7, 10), (4, 5)])]
    feats = neck(inputs)
    assert feats.mask_features.shape == (2, 12, 26, 38)
    (feats.mask_features.square().sum() + feats.multi_scale[0].square().sum()).backward()
    assert all(x.grad is not None and x.grad.abs().sum() > 0 for x in [*inputs, *neck.parameters()])


def test_tokens_know_where_they_are():
    """Of a constant map the tokens still differ."""
    neck = PyramidMerge([8, 16], strides=(8, 16), token_channels=16, mask_stride=8).eval()
    tokens = neck([torch.zeros(1, 8, 4, 4), torch.ones(1, 16, 2, 2)]).multi_scale[0]
    assert len(tokens[0].flatten(1).T.unique(dim=0)) == 4


def test_encoder_of_the_paper():
    """12 layers of width 512 with an MLP of 2048: 3.15 million parameters each."""
    with torch.device('meta'):
        neck = PyramidMerge([256, 512, 1024], strides=(4, 8, 16), num_layers=12)
    layer = 4 * (512 * 512 + 512) + 512 * 2048 * 2 + 2048 + 512 + 4 * 512
    assert sum(p.numel() for p in neck.encoder.parameters()) == 12 * layer + 2 * 512
    assert neck.stride == 2 and neck.mask_conv.conv.out_channels == 256


def test_bad_arguments():
    with pytest.raises(ValueError, match='in_channels=\\[8, 16\\] and strides=\\[8, 4\\]'):
        PyramidMerge([8, 16], strides=(8, 4))
    with pytest.raises(ValueError, match='stride 32 are coarser than the coarsest map, stride 16'):
        PyramidMerge([8, 16], strides=(8, 16), mask_stride=32)
    with pytest.raises(ValueError, match='built for 2 maps, it got 1'):
        PyramidMerge([8, 16], strides=(8, 16), mask_stride=8)([torch.zeros(1, 8, 4, 4)])


def test_groups_follow_the_rule():
    assert [group_count(c) for c in (128, 256, 512, 64, 24)] == [32, 32, 32, 16, 6]
    assert all(c % group_count(c) == 0 for c in range(1, 300))
