"""The auxiliary association loss equals the original."""

import torch

from tests.parity_data import parity_names
from tests.test_models.knet_parity import assert_close, load, load_module
from videoseg.models.decoders import AssociationEmbeddingHead
from videoseg.models.losses import AssociationL2Loss


def test_aux_loss_parity():
    names = parity_names('knet', ['video_aux_loss.pt'])
    assert names
    record = load(names[0])
    for case in record['cases']:
        cosines = case['cos'].clone()
        assert_close(AssociationL2Loss()(cosines, case['targets']), case['loss'])
        assert torch.equal(cosines, case['cos'])


def test_embedding_head_parity():
    names = parity_names('knet', ['video_track_head.pt'])
    assert names
    record = load(names[0])
    head = AssociationEmbeddingHead(64, 64)
    own = {k: v for k, v in head.state_dict().items() if k.startswith('kernel_')}
    load_module(head, {**own, **record['state_dict']})
    inputs, expected = record['inputs'], record['outputs']
    key, ref = head.track_layers(inputs['key']), head.track_layers(inputs['ref'])
    assert_close(key, expected['embed_key'])
    assert_close(ref, expected['embed_ref'])
    wanted = inputs['gt_match'][inputs['key_assigned']]
    same = wanted[:, None] == inputs['ref_assigned'][None]
    assert torch.equal(same.int(), expected['targets'])
    for name, value in head.loss(key, ref, same).items():
        assert_close(value, expected['losses'][name])


def test_nothing_in_common_gives_zero_with_gradient():
    head = AssociationEmbeddingHead(8, 8)
    key, ref = head(torch.randn(2, 8)), head(torch.randn(3, 8))
    losses = head.loss(key, ref, torch.zeros(2, 3, dtype=torch.bool))
    assert losses['loss_track'] == 0 and losses['loss_track_aux'] == 0
    empty = head.loss(head(torch.randn(0, 8)), ref, torch.zeros(0, 3, dtype=torch.bool))
    sum(empty.values()).backward()
    assert all(p.grad is not None for p in head.parameters())
