"""The deformable pixel decoder equals the original's and mmdet's, and every decoder runs on it."""

import copy

import pytest
import torch
from mmdet.models.layers import MSDeformAttnPixelDecoder
from mmengine import ConfigDict

from tests.parity_data import parity_file, parity_names
from tests.test_models.knet_parity import assert_close, load_module
from tests.test_models.tiny_models import TINY, batch, tiny_model, video
from videoseg.models.necks import DeformablePixelDecoder
from videoseg.registry import MODELS

CHANNELS = (8, 16, 24, 32)
RENAMED = {'attentions.0.': 'self_attn.', 'ffns.0.': 'ffn.'}
PREFIX = 'pixel_decoder.'


def pyramid(frames=2, channels=CHANNELS, size=(16, 24)):
    return [torch.randn(frames, c, size[0] >> i, size[1] >> i) for i, c in enumerate(channels)]


def small(**kwargs):
    defaults = dict(
        in_channels=CHANNELS, feat_channels=32, out_channels=32, num_layers=2, num_heads=4, feedforward_channels=64
    )
    return DeformablePixelDecoder(**defaults | kwargs)


def like(cfg, **kwargs):
    """Our neck for the arguments of a recorded head."""
    parts = cfg['pixel_decoder']['encoder']
    attention = parts['transformerlayers']['attn_cfgs']
    return DeformablePixelDecoder(
        in_channels=cfg['in_channels'],
        feat_channels=cfg['feat_channels'],
        out_channels=cfg['out_channels'],
        num_layers=parts['num_layers'],
        num_groups=cfg['pixel_decoder']['norm_cfg']['num_groups'],
        num_heads=attention['num_heads'],
        num_points=attention['num_points'],
        feedforward_channels=parts['transformerlayers']['ffn_cfgs']['feedforward_channels'],
        **kwargs,
    )


def recorded_state(record):
    """Released names to ours."""
    state = {}
    for key, value in record['state_dict'].items():
        if key.startswith(PREFIX):
            key = key[len(PREFIX) :]
            for old, new in RENAMED.items():
                key = key.replace(old, new)
            state[key] = value.float()
    return state


@pytest.mark.parametrize('name', parity_names('tube_link', ['head_vps.pt', 'head_vis.pt', 'head_vss.pt']))
def test_parity(name):
    record = torch.load(parity_file('tube_link', name), weights_only=True)
    neck = like(record['cfg'], semantic_head=False)
    load_module(neck, recorded_state(record))
    feats = neck(record['feats'], num_frames=record['nf'])
    assert_close(feats.mask_features, record['pixel_decoder']['mask_feature'])
    assert len(feats.multi_scale) == 3
    for found, expected in zip(feats.multi_scale, record['pixel_decoder']['memories'], strict=True):
        assert_close(found, expected)
    assert feats.stride == 4 and feats.batch_size == record['bs'] and feats.semantic_features is None


def mmdet_decoder(levels=3, channels=CHANNELS, strides=(4, 8, 16, 32)):
    layer = ConfigDict(
        self_attn_cfg=dict(embed_dims=32, num_heads=4, num_levels=levels, num_points=4, dropout=0.0, batch_first=True),
        ffn_cfg=dict(embed_dims=32, feedforward_channels=64, num_fcs=2, ffn_drop=0.0, act_cfg=dict(type='ReLU')),
    )
    return MSDeformAttnPixelDecoder(
        in_channels=channels,
        strides=strides,
        feat_channels=32,
        out_channels=32,
        encoder=ConfigDict(num_layers=2, layer_cfg=layer),
        positional_encoding=dict(num_feats=16, normalize=True),
    )


@pytest.mark.parametrize('size', [(16, 24), (24, 16)])
def test_equals_mmdet(size):
    theirs, ours = mmdet_decoder().eval(), small(semantic_head=False).eval()
    theirs.init_weights()
    ours.load_state_dict(theirs.state_dict())  # strict: the same names
    inputs = pyramid(size=size)
    mask_feature, memories = theirs(inputs)
    feats = ours(inputs)
    assert_close(feats.mask_features, mask_feature)
    for found, expected in zip(feats.multi_scale, memories, strict=True):
        assert_close(found, expected)


def test_initialised_like_mmdet():
    theirs, ours = mmdet_decoder(), small(semantic_head=False)
    theirs.init_weights()
    ours.init_weights()
    own = ours.state_dict()
    for name, value in theirs.state_dict().items():
        if value.numel() < 500 or value.std() == 0:  # constants and the small ones: bounds only
            assert (own[name] == 0).all() == (value == 0).all(), name
        else:
            assert 0.8 < own[name].std() / value.std() < 1.25, name


def test_start_level_is_mmdet_on_three_levels():
    theirs, ours = mmdet_decoder(3, CHANNELS[1:], (8, 16, 32)).eval(), small(start_level=1, semantic_head=False).eval()
    theirs.init_weights()
    ours.load_state_dict(theirs.state_dict())
    inputs = pyramid()
    feats = ours(inputs)
    assert_close(feats.mask_features, theirs(inputs[1:])[0])
    assert feats.stride == 8


def test_semantic_features_and_odd_sizes():
    inputs = [torch.randn(2, c, *size) for c, size in zip(CHANNELS, ((17, 31), (9, 16), (5, 8), (3, 4)), strict=True)]
    feats = small()(inputs, num_frames=2)
    assert feats.mask_features.shape == feats.semantic_features.shape == (2, 32, 17, 31)
    assert not torch.equal(feats.mask_features, feats.semantic_features)
    assert [tuple(x.shape[-2:]) for x in feats.multi_scale] == [(3, 4), (5, 8), (9, 16)]
    assert feats.batch_size == 1


def test_frames_do_not_see_each_other():
    neck, inputs = small().eval(), pyramid(3)
    together = neck(inputs)
    for t in range(3):
        alone = neck([x[t : t + 1] for x in inputs])
        assert_close(alone.mask_features, together.mask_features[t : t + 1])


def test_pyramid_for_another_neck():
    whole, part = small().eval(), small(as_pyramid=True).eval()
    part.load_state_dict({k: v for k, v in whole.state_dict().items() if not k.startswith('semantic')})
    inputs = pyramid()
    feats, levels = whole(inputs), part(inputs)
    assert torch.equal(levels[0], feats.mask_features)
    assert all(torch.equal(a, b) for a, b in zip(levels[1:], feats.multi_scale[::-1], strict=True))


def test_checkpointing_changes_nothing():
    results = []
    for with_cp in (False, True):
        torch.manual_seed(0)
        neck = small(with_cp=with_cp)
        neck.init_weights()
        torch.manual_seed(1)
        inputs = [x.requires_grad_() for x in pyramid()]
        neck(inputs).mask_features.square().mean().backward()
        results.append([p.grad for p in neck.encoder.parameters()] + [x.grad for x in inputs])
    assert all(torch.allclose(a, b, atol=1e-7) for a, b in zip(*results, strict=True))


def test_bfloat16():
    neck, inputs = small().eval(), pyramid()
    neck.init_weights()
    expected = neck(inputs).mask_features
    with torch.autocast('cpu', torch.bfloat16):
        found = neck(inputs).mask_features
    assert found.dtype == torch.bfloat16
    assert (found.float() - expected).abs().max() < 0.05 * expected.abs().max()


def test_bad_arguments():
    for match, kwargs in {
        '4 in_channels, but strides': dict(strides=(8, 16, 32)),
        'do not fit 4 input levels': dict(start_level=2),
        'do not fit 4': dict(num_encoder_levels=0),
        'multiple of 5 heads': dict(num_heads=5),
        'as_pyramid gives': dict(start_level=1, as_pyramid=True),
    }.items():
        with pytest.raises(ValueError, match=match):
            small(**kwargs)
    with pytest.raises(ValueError, match='built for 4 pyramid levels, the part before it gave 3'):
        small()(pyramid()[1:])
    with pytest.raises(TypeError, match='num_outs'):
        MODELS.build(dict(type='DeformablePixelDecoder', num_outs=3))


DEFORMABLE = dict(
    type='DeformablePixelDecoder',
    in_channels=[24, 40, 112, 320],
    feat_channels=32,
    out_channels=32,
    num_layers=2,
    num_heads=4,
    feedforward_channels=64,
)
NECKS = {
    'semantic_fpn': TINY['neck'],
    'deformable': [DEFORMABLE],
    'deformable_stride8': [dict(DEFORMABLE, start_level=1)],
    'deformable_then_semantic_fpn': [dict(DEFORMABLE, as_pyramid=True), TINY['neck'][1]],
}
VIDEO_PARTS = ('embedding_head', 'linking', 'fusion')
TRACKERS = {
    'KNetDecoder': dict(type='MaskIoUTracker', _replace=True),
    'VideoKNetDecoder': TINY['tracker'],
}


def on_neck(decoder, neck):
    """A tiny model of any decoder on any neck."""
    arguments = {k: v for k, v in TINY['decoder'].items() if decoder != 'KNetDecoder' or k not in VIDEO_PARTS}
    arguments.update(type=decoder, _replace=True)
    return tiny_model(
        decoder=copy.deepcopy(arguments), neck=copy.deepcopy(NECKS[neck]), tracker=copy.deepcopy(TRACKERS[decoder])
    )


@pytest.mark.parametrize('neck', NECKS)
@pytest.mark.parametrize('decoder', TRACKERS)
def test_every_decoder_runs_on_every_neck(decoder, neck):
    model = on_neck(decoder, neck)
    data = batch(model, video(0, frames=2), video(1, frames=2), training=True)
    model.train()
    total, _ = model.parse_losses(model(**data, mode='loss'))
    total.backward()
    assert torch.isfinite(total)
    assert [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    model.eval()
    with torch.no_grad():
        together = model.predict(**batch(model, video(0, frames=3), video(1, frames=3)))
        for seed, result in enumerate(together):
            (alone,) = model.predict(**batch(model, video(seed, frames=3)))
            for a, b in zip(alone, result, strict=True):
                assert torch.equal(a.pred_panoptic_seg.panoptic_seg, b.pred_panoptic_seg.panoptic_seg)
    assert sum(len(frame.pred_track_instances) for frame in together[0]) > 0
