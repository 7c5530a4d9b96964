"""Temporal contrastive learning equals the original."""

import pytest
import torch

from tests.parity_data import parity_names
from tests.test_models.knet_parity import assert_close, sub_state
from tests.test_models.tube_parity import load, our_state
from videoseg.models.decoders import TubeContrastiveHead


@pytest.mark.parametrize('name', parity_names('tube_link', ['track_head.pt']))
def test_parity(name):
    record = load(name)
    head = TubeContrastiveHead()
    weights = sub_state(our_state(record['state_dict'], 'track_head.'), 'decoder.association.')
    result = head.load_state_dict(weights, strict=False)
    assert not result.unexpected_keys and all(key.startswith('kernel_') for key in result.missing_keys)
    key, reference = head.track_layers(record['key']), head.track_layers(record['ref'])
    assert_close(key, record['key_embed'])
    assert_close(reference, record['ref_embed'])
    wanted = record['gt_match_indices'][record['key_assigned']]
    same = wanted[:, None] == record['ref_assigned'][None]
    assert torch.equal(same.int(), record['targets'][0])
    assert torch.equal(same.any(1).float(), record['weights'][0])
    for losses in (head.loss(key, reference, same), head.loss([key] * 2, [reference] * 2, [same] * 2)):
        for name, value in record['losses'].items():
            assert_close(losses[name], value)


def test_clips_are_averaged():
    torch.manual_seed(0)
    head = TubeContrastiveHead(8, 8)
    clips = [(torch.randn(3, 8), torch.randn(4, 8), torch.eye(3, 4).bool()) for _ in range(2)]
    both = head.loss(*zip(*clips, strict=True))
    single = [head.loss(*clip) for clip in clips]
    for name, value in both.items():
        assert_close(value, (single[0][name] + single[1][name]) / 2)
        assert single[0][name] != single[1][name]


@pytest.mark.parametrize('num', [0, 2])
def test_no_common_instance_gives_zero_with_gradients_for_all_parameters(num):
    head = TubeContrastiveHead(8, 8)
    losses = head.loss(head.embed(torch.randn(num, 8)), head.embed(torch.randn(2, 8)), torch.zeros(num, 2).bool())
    assert set(losses) == {'loss_track', 'loss_track_aux'} and sum(losses.values()) == 0
    sum(losses.values()).backward()
    assert all(p.grad is not None and not p.grad.any() for p in head.parameters())


IDS = torch.tensor([0, 3, 1, 0]), torch.tensor([1, 0, 2])


@pytest.mark.parametrize('target', ['tube_mask', 'gt_mask'])
def test_only_matched_queries_are_compared(target):
    key, reference, same = TubeContrastiveHead(8, 8, association_target=target).sample(*IDS)
    assert key.tolist() == [1, 2] and reference.tolist() == [0, 2]
    assert same.tolist() == [[False, False], [True, False]]


def test_all_queries_are_compared_but_nothing_is_no_instance():
    key, reference, same = TubeContrastiveHead(8, 8, association_target='all_masks').sample(*IDS)
    assert key.tolist() == [0, 1, 2, 3] and reference.tolist() == [0, 1, 2]
    assert same.nonzero().tolist() == [[2, 0]]


def test_which_frames_decide_the_matching():
    frames = {x: TubeContrastiveHead(8, 8, association_target=x).target_frames for x in ('tube_mask', 'gt_mask')}
    masks = torch.zeros(5, 3)
    assert masks[frames['tube_mask']].shape[0] == 5 and masks[frames['gt_mask']].shape[0] == 1
    with pytest.raises(ValueError, match='association_target must be one of'):
        TubeContrastiveHead(8, 8, association_target='queries')
