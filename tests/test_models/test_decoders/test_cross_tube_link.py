"""Cross-tube linking equals the original, in the training layout and in the defective one of its tests."""

import pytest
import torch

from tests.parity_data import parity_names
from tests.test_models.knet_parity import assert_close, load_module, sub_state
from tests.test_models.tube_parity import load, our_state
from videoseg.models.decoders import CrossTubeLink, TubeContrastiveHead

RECORDS = parity_names('tube_link', ['link.pt'])


@pytest.mark.parametrize('name', RECORDS)
def test_parity_in_both_layouts(name):
    record = load(name)
    weights = sub_state(our_state(record['state_dict']), 'decoder.link.')
    right, original = (load_module(CrossTubeLink(compat=compat), weights) for compat in (False, True))
    current, previous = record['cur'], record['pre']
    assert_close(right(current, previous), record['link_train'])
    assert_close(original(current, previous), record['link_test'])
    assert_close(original.train()(current, previous), record['link_train'])
    assert (record['link_train'] - record['link_test']).abs().max() > 0.1


@pytest.mark.parametrize('name', RECORDS)
def test_embedding_layers_parity(name):
    record = load(name)
    head = TubeContrastiveHead()
    missing = head.load_state_dict(sub_state(our_state(record['state_dict']), 'decoder.association.'), strict=False)
    assert not missing.unexpected_keys and all(key.startswith(('fcs.', 'fc_embed.')) for key in missing.missing_keys)
    vectors = head.kernel_embed(head.kernel_fcs(record['link_train']))
    assert_close(vectors, record['embed_of_link_train'])
    assert_close(head.embed(record['link_train']), head.track_layers(vectors))


def test_slots_see_each_other_only_without_compat():
    torch.manual_seed(0)
    link, original = CrossTubeLink(16, 2, 32).eval(), CrossTubeLink(16, 2, 32, compat=True).eval()
    original.load_state_dict(link.state_dict())
    current, previous = torch.randn(2, 5, 16), torch.randn(2, 5, 16)
    changed = previous.clone()
    changed[:, 3] += 1
    for module, others_change in ((link, True), (original, False)):
        difference = (module(current, previous) - module(current, changed)).abs().amax(-1)
        assert bool((difference[:, 3] > 1e-4).all())
        assert bool((difference[:, :3] > 1e-6).any()) == others_change
    assert link(current, previous[:, :4]).shape == current.shape
    assert_close(link(current, previous)[1:], link(current[1:], previous[1:]))


@pytest.mark.parametrize('detach', [False, True])
def test_gradients_reach_the_previous_tube_unless_detached(detach):
    link = CrossTubeLink(16, 2, 32, detach=detach)
    current, previous = (torch.randn(1, 4, 16, requires_grad=True) for _ in range(2))
    link(current, previous).square().sum().backward()
    assert current.grad is not None and (previous.grad is None) == detach
