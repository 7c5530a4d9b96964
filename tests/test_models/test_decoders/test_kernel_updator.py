"""Kernel updator variants equal the originals."""

import pytest
import torch

from tests.parity_data import parity_names
from tests.test_models.knet_parity import assert_close, load, load_module
from videoseg.models.decoders import KernelUpdator

VARIANTS = {
    'KernelUpdatorConcatenate': dict(combine='concat'),
    'KernelUpdatorSkip': dict(skip=True),
    'KernelUpdatorConcatenateSkip': dict(combine='concat', skip=True),
    'KernelUpdatorMLP': dict(mlp=True),
}
NAMES = ['knet_updator_k1', 'knet_updator_k3', 'knet_updator_norm_act', 'knet_updator_nosig', 'KernelUpdator_k1']
NAMES += [f'{name}_k1' for name in VARIANTS]


@pytest.mark.parametrize('name', parity_names('knet', [f'{name}.pt' for name in NAMES]))
def test_parity(name):
    record = load(name)
    cfg = record['cfg']
    options = {k: cfg[k] for k in ('gate_norm_act', 'activate_out', 'gate_sigmoid') if k in cfg}
    updator = KernelUpdator(64, 64, 64, **options, **VARIANTS.get(cfg['type'], {}))
    load_module(updator, record['state_dict'])
    inputs = record['inputs']
    assert_close(updator(inputs['update_feature'], inputs['input_feature']), record['outputs'])


def test_unknown_combination():
    with pytest.raises(ValueError, match='combine'):
        KernelUpdator(combine='sum')


def test_order_of_kernels_does_not_matter():
    updator = KernelUpdator(16, 16, 16).eval()
    features, kernels = torch.randn(2, 7, 16), torch.randn(2, 7, 1, 16)
    order = torch.randperm(7)
    assert_close(updator(features[:, order], kernels[:, order]), updator(features, kernels)[:, order])
