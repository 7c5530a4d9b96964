"""The clip stages of Video K-Net's VIS model equal the original."""

import math

import pytest
import torch
from torch.nn import functional as F

from tests.parity_data import parity_names
from tests.test_models.knet_parity import assert_close, load, load_module
from videoseg.models.decoders import ClipKernelUpdateHead, TubeQueryFusion


def build(**kwargs):
    return ClipKernelUpdateHead(num_classes=4, in_channels=64, feedforward_channels=128, **kwargs)


@pytest.mark.parametrize(
    'name', parity_names('knet', ['vis_update_head_mean_clip.pt', 'vis_update_head_mean_frame.pt'])
)
def test_parity(name):
    record = load(name)
    head = load_module(build(with_classes=record['cfg']['with_cls']), record['state_dict'])
    inputs, expected = record['inputs'], record['outputs']
    output = head(inputs['x'], inputs['proposal_feat'], inputs['mask_preds'])
    assert output.mask_logits.shape == expected['mask_preds'].shape
    assert_close(output.mask_logits, expected['mask_preds'])
    assert output.kernels.shape == expected['obj_feat'].shape
    assert_close(output.kernels, expected['obj_feat'])
    if expected['cls_score'] is None:
        assert output.class_logits is None
    else:
        assert_close(output.class_logits, expected['cls_score'])


def test_one_frame_is_the_image_stage():
    torch.manual_seed(0)
    head = build().eval()
    features, kernels, masks = torch.randn(2, 1, 64, 5, 7), torch.randn(2, 6, 64, 1, 1), torch.randn(2, 1, 6, 5, 7)
    clip = head(features, kernels, masks)
    frame = head(features, kernels[:, None], masks)
    assert_close(clip.mask_logits, frame.mask_logits)
    assert_close(clip.class_logits, frame.class_logits[:, 0])
    assert_close(clip.kernels, frame.kernels[:, 0])


@pytest.mark.parametrize('per_frame', [False, True])
def test_masks_of_another_size_are_brought_to_that_of_the_features(per_frame):
    """Defect 20: the original mixes up channels and kernels there."""
    torch.manual_seed(0)
    head = build().eval()
    features, masks = torch.randn(2, 3, 64, 5, 7), torch.randn(2, 3, 6, 10, 14)
    kernels = torch.randn(2, 3, 6, 64, 1, 1) if per_frame else torch.randn(2, 6, 64, 1, 1)
    small = F.interpolate(masks.flatten(0, 1), (5, 7), mode='bilinear', align_corners=False).view(2, 3, 6, 5, 7)
    assert_close(head(features, kernels, masks).mask_logits, head(features, kernels, small).mask_logits)


def test_large_kernels_gather_too():
    torch.manual_seed(0)
    head = build(kernel_size=3).eval()
    output = head(torch.randn(2, 3, 64, 5, 7), torch.randn(2, 6, 64, 3, 3), torch.randn(2, 3, 6, 5, 7))
    assert output.mask_logits.shape == (2, 3, 6, 5, 7) and output.kernels.shape == (2, 6, 64, 3, 3)


def test_attention_by_its_formula():
    """Residual is the bare query; the position acts on the attention weights only."""
    torch.manual_seed(0)
    fusion = TubeQueryFusion(16, num_heads=1).eval()
    queries, vectors, pos = torch.randn(2, 3, 16), torch.randn(2, 4, 5, 16), torch.randn(3, 16)
    attn = fusion.attention.attn
    q, k, v = (
        F.linear(x, w, b)
        for x, w, b in zip(
            (queries + pos, vectors.flatten(1, 2), vectors.flatten(1, 2)),
            attn.in_proj_weight.chunk(3),
            attn.in_proj_bias.chunk(3),
            strict=True,
        )
    )
    mixed = attn.out_proj((q @ k.transpose(1, 2) / math.sqrt(16)).softmax(-1) @ v)
    first = F.layer_norm(queries + mixed, (16,))
    hidden = F.linear(first, fusion.ffn.layers[0][0].weight, fusion.ffn.layers[0][0].bias).relu()
    assert hidden.shape[-1] == 128
    expected = F.layer_norm(first + F.linear(hidden, fusion.ffn.layers[1].weight, fusion.ffn.layers[1].bias), (16,))
    assert_close(fusion(queries, vectors, pos), expected)
    one = fusion(queries, vectors[:, :1, :3], pos)  # as many vectors as queries: the keys still get no position
    assert_close(fusion(queries, vectors[:, :1, :3].repeat(1, 2, 1, 1), pos), one)


def test_kernels_ask_without_gradient():
    torch.manual_seed(0)
    head = build(query_fusion=dict(type='TubeQueryFusion', embed_dims=64))
    seen = []
    head.query_fusion.register_forward_pre_hook(lambda _, args: seen.append(args[0].requires_grad))
    kernels = torch.randn(1, 6, 64, 1, 1, requires_grad=True)
    head(torch.randn(1, 3, 64, 5, 7), kernels, torch.randn(1, 3, 6, 5, 7)).mask_logits.sum().backward()
    assert seen == [False] and kernels.grad.abs().sum() > 0
