"""Update heads with and without previous kernels equal the originals."""

import pytest
import torch

from tests.parity_data import parity_names
from tests.test_models.knet_parity import assert_close, load, load_module, stage_state
from videoseg.models.decoders import KernelUpdateHead, PreviousKernelAttention

LINK = {'ffn': 'none', 'update': 'group_features', 'update_obj': 'kernels'}
FUSE = {'update_dynamic_cov': 'group_features', 'link_atten': 'none'}


def build(cfg):
    part = dict(type='PreviousKernelAttention')
    return KernelUpdateHead(
        cfg['num_classes'],
        in_channels=64,
        feedforward_channels=128,
        mask_transform_stride=cfg.get('mask_transform_stride', 1),
        linking={**part, 'update': LINK[cfg['previous_type']]} if cfg.get('previous_type') else None,
        fusion={**part, 'update': FUSE[cfg['previous_link']]} if cfg.get('previous_link') else None,
    )


@pytest.mark.parametrize('name', parity_names('knet', ['knet_update_head_k1.pt', 'knet_update_head_stride2.pt']))
def test_image_parity(name):
    record = load(name)
    head = load_module(build(record['cfg']), stage_state(record['state_dict']))
    inputs, expected = record['inputs'], record['outputs']
    out = head(inputs['x'], inputs['proposal_feat'], inputs['mask_preds'])
    assert_close(out.class_logits, expected['cls_score'])
    assert_close(out.mask_logits, expected['mask_preds'])
    assert_close(out.kernels, expected['obj_feat'])
    assert out.track_kernels is None


VIDEO = ['ffn', 'update', 'update_obj', 'fuse_ffn', 'fuse_update', 'atten_ffn']


@pytest.mark.parametrize('name', parity_names('knet', [f'video_update_head_{name}.pt' for name in VIDEO]))
def test_video_parity(name):
    record = load(name)
    head = load_module(build(record['cfg']), stage_state(record['state_dict']))
    inputs = record['inputs']
    for case, previous in (('first_frame', None), ('linked', inputs['previous_obj_feats'])):
        expected = record['outputs'][case]
        out = head(inputs['x'], inputs['proposal_feat'], inputs['mask_preds'], previous)
        assert_close(out.class_logits, expected['cls_score'])
        assert_close(out.mask_logits, expected['mask_preds'])
        assert_close(out.kernels, expected['obj_feat'])
        if expected['track_feat'] is None:
            assert out.track_kernels is None
        else:
            assert_close(out.track_kernels, expected['track_feat'])


def test_large_kernels_convolve_each_frame_with_its_own():
    head = KernelUpdateHead(3, in_channels=8, kernel_size=3, num_heads=2, feedforward_channels=16).eval()
    x, kernels, masks = torch.randn(2, 8, 6, 7), torch.randn(2, 4, 8, 3, 3), torch.randn(2, 4, 6, 7)
    both = head(x, kernels, masks)
    one = head(x[1:], kernels[1:], masks[1:])
    assert both.mask_logits.shape == (2, 4, 6, 7)
    assert_close(both.mask_logits[1:], one.mask_logits)


def test_linking_without_fusion_leaves_masks_alone():
    part = dict(type='PreviousKernelAttention')
    head = KernelUpdateHead(3, in_channels=16, num_heads=2, feedforward_channels=16, linking=part).eval()
    x, kernels, masks = torch.randn(1, 16, 4, 4), torch.randn(1, 5, 16, 1, 1), torch.randn(1, 5, 4, 4)
    alone, linked = head(x, kernels, masks), head(x, kernels, masks, torch.randn(1, 5, 16, 1, 1))
    assert torch.equal(alone.mask_logits, linked.mask_logits)
    assert linked.track_kernels.shape == kernels.shape


def test_unknown_update():
    with pytest.raises(ValueError, match='update must be'):
        PreviousKernelAttention(16, update='ffn')
