"""The semantic FPN equals the original."""

import pytest
import torch

from tests.parity_data import parity_names
from tests.test_models.knet_parity import assert_close, load, load_module
from videoseg.models.necks import SemanticFPN


@pytest.mark.parametrize('name', parity_names('knet', ['knet_fpn_official.pt', 'knet_fpn_up3.pt']))
def test_parity(name):
    record = load(name)
    cfg = record['cfg']
    neck = SemanticFPN(
        cfg['in_channels'], cfg['feat_channels'], cfg['out_channels'], upsample_times=cfg['upsample_times']
    )
    load_module(neck, record['state_dict'])
    feats = neck(record['inputs'])
    assert_close(feats.mask_features, record['outputs'][0])
    assert_close(feats.semantic_features, record['outputs'][1])
    assert feats.stride == (8 if cfg['upsample_times'] == 2 else 4)
    assert [tuple(x.shape) for x in feats.multi_scale] == [tuple(x.shape) for x in record['inputs'][:0:-1]]


def test_odd_sizes_and_options():
    pyramid = [torch.randn(2, 32, *size) for size in ((17, 31), (9, 16), (5, 8), (3, 4))]
    neck = SemanticFPN(32, 32, 32, fuse='concat', append_coordinates=True)
    feats = neck(pyramid, num_frames=2)
    assert feats.mask_features.shape == (2, 32, 9, 16)
    assert feats.batch_size == 1


def test_bad_arguments():
    with pytest.raises(ValueError, match='fuse'):
        SemanticFPN(fuse='max')
    with pytest.raises(ValueError, match='needs 4 pyramid levels'):
        SemanticFPN(32, 32, 32)([torch.randn(1, 32, 8, 8)])
