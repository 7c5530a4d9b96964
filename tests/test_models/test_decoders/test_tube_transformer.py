"""The transformer over tubes runs on any neck with multi-scale maps, and its shortcuts change nothing."""

import pytest
import torch
from torch.nn import functional as F

from tests.test_models.knet_parity import assert_close
from tests.test_models.tiny_models import tiny_tube_model
from videoseg.models.decoders import TubeLinkDecoder
from videoseg.registry import MODELS
from videoseg.structures import PixelFeatures


def decoder(**kwargs):
    torch.manual_seed(0)
    defaults = dict(num_things=3, num_queries=5, embed_dims=16, num_layers=4, num_heads=2, feedforward_channels=16)
    return TubeLinkDecoder(**defaults | kwargs).eval()


def features(frames=3, clips=2, channels=16, mask_channels=None, levels=3):
    sizes = [(2, 3), (4, 6), (8, 12)][:levels]
    return PixelFeatures(
        mask_features=torch.randn(clips * frames, mask_channels or channels, 16, 24),
        stride=4,
        num_frames=frames,
        multi_scale=tuple(torch.randn(clips * frames, channels, *size) for size in sizes),
    )


def plain_forward(net, feats):
    """The same network as the specification words it: whole masks, resized, blocked where the sigmoid is below 0.5."""
    frames, clips = feats.num_frames, feats.batch_size
    masked = feats.mask_features.unflatten(0, (clips, frames))
    queries = net.query_feat.weight.expand(clips, -1, -1)
    for i, layer in enumerate(net.transformer_decoder.layers):
        x, number = feats.multi_scale[i % 3], i % 3
        logits = torch.einsum('bnc,btchw->bnthw', net.mask_embed(net.transformer_decoder.post_norm(queries)), masked)
        small = F.interpolate(logits.flatten(0, 1), x.shape[-2:], mode='bilinear', align_corners=False)
        blocked = small.unflatten(0, logits.shape[:2]).flatten(2).sigmoid() < 0.5
        blocked[blocked.all(-1)] = False
        tokens = (x + net.level_embed.weight[number][:, None, None]).unflatten(0, (clips, frames))
        keys = tokens.permute(0, 1, 3, 4, 2).flatten(1, 3)
        positions = net.encode_positions(frames, x.shape[-2:], 'cpu').permute(0, 2, 3, 1).flatten(0, 2)[None]
        queries = layer(
            query=queries,
            key=keys,
            value=keys,
            query_pos=net.query_embed.weight.expand(clips, -1, -1),
            key_pos=positions,
            cross_attn_mask=blocked,
        )
    return queries


@pytest.mark.parametrize('frames', [1, 2, 4])
def test_attention_masks_of_resized_features(frames):
    net, feats = decoder(), features(frames)
    with torch.no_grad():
        (output,) = net.run_layers(feats)
        assert_close(output.queries, plain_forward(net, feats))
    assert output.mask_logits.shape == (2, 5, frames, 16, 24) and output.class_logits.shape == (2, 5, 4)


def test_a_query_that_sees_nothing_looks_everywhere():
    net = decoder()
    torch.nn.init.zeros_(net.mask_embed[-1].weight)
    feats = features()
    feats.mask_features[:] = 1
    queries = []
    for bias in (-1.0, 1.0):  # everything blocked, nothing blocked
        torch.nn.init.constant_(net.mask_embed[-1].bias, bias)
        queries.append(net.run_layers(feats)[0].queries)
    assert torch.isfinite(queries[0]).all() and torch.equal(*queries)


def test_time_is_relative_to_the_length_of_the_tube():
    net = decoder()
    short, long = (net.encode_positions(frames, (4, 6), 'cpu') for frames in (2, 4))
    assert short.shape == (2, 16, 4, 6)
    assert_close(short, long[1::2])
    assert (long[0] - long[1]).abs().max() > 0.1


@pytest.mark.parametrize('tap', ['raw', 'normed'])
def test_query_tap(tap):
    net, feats = decoder(query_tap=tap), features()
    torch.nn.init.normal_(net.transformer_decoder.post_norm.weight)
    prediction, _ = net.decode(feats, {}, [])
    expected = prediction.queries if tap == 'normed' else net.transformer_decoder.post_norm(prediction.queries)
    assert_close(prediction.class_logits, net.cls_embed(expected))


def test_channels_of_the_neck():
    net = decoder(in_channels=8, mask_channels=12, num_levels=2)
    feats = features(channels=8, mask_channels=12, levels=2)
    net.init_weights()
    assert net.run_layers(feats)[0].mask_logits.shape == (2, 5, 3, 16, 24)
    for wrong in (features(channels=16, mask_channels=12, levels=2), features(channels=8, levels=2), features()):
        with pytest.raises(ValueError, match=r'needs memories of \[8, 8\] channels .* mask features of 12'):
            net.run_layers(wrong)


def test_a_neck_without_multi_scale_maps_is_named():
    feats = PixelFeatures(mask_features=torch.randn(2, 16, 16, 24), stride=4, num_frames=2)
    with pytest.raises(ValueError, match=r'the neck gives \[\] and 16: .*DeformablePixelDecoder'):
        decoder().run_layers(feats)


def test_runs_on_a_plain_pyramid():
    model = tiny_tube_model()
    pyramid = MODELS.build(dict(type='BackbonePyramid'))
    fpn = MODELS.build(dict(type='FPN', in_channels=[24, 40, 112, 320], out_channels=32, num_outs=4))
    feats = pyramid(fpn(model.backbone(torch.randn(4, 3, 64, 96))), 2)
    prediction, _ = model.decoder.decode(feats, {}, [])
    assert prediction.mask_logits.shape == (2, 10, 2, 16, 24)
