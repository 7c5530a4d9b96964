"""A training step of the whole Tube-Link VPS model equals the original's."""

import pytest
import torch

from tests.parity_data import parity_names
from tests.test_models.tube_parity import (
    assert_losses_close,
    clip_sample,
    load,
    our_names,
    recorded_model,
    replayed_rand,
)


@pytest.mark.parametrize('name', parity_names('tube_link', ['vps_train.pt']))
def test_training_step(name):
    record = load(name)
    model = recorded_model(load('vps_windows.pt')).train()
    sample = clip_sample(record['clip'], model.decoder.num_things)
    with replayed_rand(record['rand']):
        losses = model.loss(record['video'], [sample])
    assert len(losses) == 44
    assert_losses_close(losses, record['losses'])
    total = sum(losses.values())
    torch.testing.assert_close(total.reshape(()), record['total'].reshape(()), rtol=1e-5, atol=1e-5)
    total.backward()
    assert record['no_grad'] == []
    norms, own = our_names(record['grad_norms']), dict(model.named_parameters())
    assert set(own) == set(norms)
    for key, norm in norms.items():
        torch.testing.assert_close(own[key].grad.norm(), norm, rtol=1e-4, atol=1e-5, msg=key)
